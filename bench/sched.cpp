// Workloads about starting, switching, parking and sleeping.
#include <chrono>
#include <goro/goro.hpp>
#include <utility>
#include <vector>

#include "bench.hpp"
#include "fib.hpp"

namespace bench {
namespace {

using std::int64_t;

// One goroutine starts n goroutines that only call done, then waits for all.
void spawn_join() {
  const int64_t n = size_or(1'000'000);
  const auto start = clock::now();
  goro::wait_group wg;
  for (int64_t i = 0; i < n; ++i) {
    wg.add(1);
    goro::go([&wg] { wg.done(); });
  }
  wg.wait();
  report_per_op(start, n);
}

// g goroutines each yield k times (1M yields in all by default).
void yield() {
  const int64_t g = goroutines_or(1000);
  const int64_t k = size_or(1'000'000) / g;
  const auto start = clock::now();
  goro::wait_group wg;
  wg.add(g);
  for (int64_t i = 0; i < g; ++i) {
    goro::go([&wg, k] {
      for (int64_t j = 0; j < k; ++j) goro::this_goroutine::yield();
      wg.done();
    });
  }
  wg.wait();
  report_per_op(start, g * k);
}

void sky_node(const goro::chan<int64_t>& c, int64_t num, int64_t size) {
  if (size == 1) {
    c.send(num);
    return;
  }
  const goro::chan<int64_t> rc;
  for (int64_t i = 0; i < 10; ++i) goro::go(sky_node, rc, num + i * (size / 10), size / 10);
  int64_t sum = 0;
  for (int i = 0; i < 10; ++i) sum += rc.recv().value();
  c.send(sum);
}

// A tree of goroutines with fan-out 10 and 1M leaves, summed over unbuffered channels.
void skynet() {
  const int64_t n = size_or(1'000'000);
  int64_t rest = n;
  while (rest % 10 == 0) rest /= 10;
  check(rest == 1, "-n must be a power of 10");
  const auto start = clock::now();
  const goro::chan<int64_t> c;
  goro::go(sky_node, c, int64_t{0}, n);
  check(c.recv() == n * (n - 1) / 2, "wrong sum");
  report("ms", ms_since(start));
}

// n goroutines block in a receive, on one channel for all or on one channel each.
void parked(bool shared) {
  const int64_t n = size_or(1'000'000);
  const goro::chan<goro::unit> all;
  std::vector<goro::chan<goro::unit>> chans;
  if (!shared)
    chans.assign(static_cast<std::size_t>(n), all);  // filled, so that it counts as memory from before
  const double before = memory_bytes();
  goro::wait_group ready;
  goro::wait_group done;
  ready.add(n);
  done.add(n);
  auto start = clock::now();
  for (int64_t i = 0; i < n; ++i) {
    goro::chan<goro::unit> c = all;
    if (!shared) {
      c = goro::chan<goro::unit>();
      chans[static_cast<std::size_t>(i)] = c;
    }
    goro::go([c = std::move(c), &ready, &done] {
      ready.done();
      c.recv();
      done.done();
    });
  }
  ready.wait();
  report("create_ms", ms_since(start));
  goro::sleep_for(std::chrono::milliseconds(50));  // the last ones reach their receive
  report("bytes_each", (memory_bytes() - before) / static_cast<double>(n));
  start = clock::now();
  if (shared) all.close();
  for (const auto& c : chans) c.send({});
  done.wait();
  report("wake_ms", ms_since(start));
}

// About 1 KB of stack for each level, all of it touched by each call that returns.
[[gnu::noinline]] unsigned char dive(int64_t n) {
  unsigned char frame[1000] = {};
  asm volatile("" : : "r"(frame) : "memory");
  frame[n % 1000] = static_cast<unsigned char>(n);
  if (n == 0) return frame[0];
  const unsigned char below = dive(n - 1);
  return static_cast<unsigned char>(below + frame[n * 7 % 1000]);
}

// One goroutine uses about 500 MB of stack, returns, and stays alive; then who keeps the memory?
void deep() {
  constexpr int64_t k_all = 480'000;
  const int64_t depth = size_or(k_all);
  const goro::chan<int64_t> step;
  const goro::chan<int64_t> ack;
  goro::go([step, ack] {
    for (const int64_t d : step) ack.send(dive(d));
  });
  const auto mb = [] { return memory_bytes() / (1 << 20); };
  for (const char* metric : {"first_ms", "second_ms"}) {
    const auto start = clock::now();
    step.send(depth);
    keep(ack.recv().value());
    report(metric, ms_since(start));
  }
  report("returned_rss_mb", mb());
  if (depth >= k_all) goro::sleep_for(std::chrono::seconds(10));
  report("after_10s_rss_mb", mb());
  step.close();
}

// n goroutines each sleep a pseudo-random 1..1000 ms.
void sleepers() {
  const int64_t n = size_or(1'000'000);
  const auto start = clock::now();
  const double cpu_before = cpu_seconds();
  goro::wait_group wg;
  wg.add(n);
  std::uint32_t x = 1;
  for (int64_t i = 0; i < n; ++i) {
    x = x * 1664525 + 1013904223;
    const std::chrono::milliseconds d(1 + (x >> 8) % 1000);
    goro::go([&wg, d] {
      goro::sleep_for(d);
      wg.done();
    });
  }
  wg.wait();
  report("ms", ms_since(start));
  report("cpu_s", cpu_seconds() - cpu_before);
}

// The n-th Fibonacci number, forking fib(n-1) and joining it over a channel of capacity 1.
int64_t fib_by_chan(int64_t n) {
  if (n < 2) return n;
  goro::chan<int64_t> c{1};
  goro::go([c, n] { c.send(fib_by_chan(n - 1)); });
  const int64_t y = fib_by_chan(n - 2);
  return y + c.recv().value();
}

// The same, joined with a wait_group.
int64_t fib_by_wait_group(int64_t n) {
  if (n < 2) return n;
  goro::wait_group wg;
  int64_t x = 0;
  wg.add(1);
  goro::go([&wg, &x, n] {
    x = fib_by_wait_group(n - 1);
    wg.done();
  });
  const int64_t y = fib_by_wait_group(n - 2);
  wg.wait();
  return x + y;
}

constexpr workload k_workloads[] = {
    {"spawn_join", spawn_join},
    {"yield", yield},
    {"skynet", skynet},
    {"parked_shared", [] { parked(true); }},
    {"parked_own", [] { parked(false); }},
    {"deep", deep},
    {"sleepers", sleepers},
    {"fib", [] { time_fib(fib_by_chan); }},
    {"fib_wg", [] { time_fib(fib_by_wait_group); }},
};

}  // namespace

std::span<const workload> sched_workloads() { return k_workloads; }

}  // namespace bench
