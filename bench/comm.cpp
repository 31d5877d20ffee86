// Workloads about channels and locks.
#include <goro/goro.hpp>
#include <mutex>

#include "bench.hpp"

namespace bench {
namespace {

using std::int64_t;

// Two goroutines exchange a value over two unbuffered channels.
void ping_pong() {
  const int64_t n = size_or(1'000'000);
  const goro::chan<int64_t> a;
  const goro::chan<int64_t> b;
  goro::go([a, b] {
    for (const int64_t v : a) b.send(v);
  });
  const auto start = clock::now();
  for (int64_t i = 0; i < n; ++i) {
    a.send(i);
    b.recv();
  }
  report_per_op(start, n);
}

// One sender, one receiver, capacity 128.
void chan_spsc() {
  const int64_t n = size_or(10'000'000);
  const goro::chan<int64_t> c{128};
  const auto start = clock::now();
  goro::go([c, n] {
    for (int64_t i = 0; i < n; ++i) c.send(i);
    c.close();
  });
  int64_t sum = 0;
  for (const int64_t v : c) sum += v;
  report_per_op(start, n);
  check(sum == n * (n - 1) / 2, "wrong sum");
}

// 4 senders and 4 receivers share one channel.
void chan_mpmc(int64_t capacity) {
  const int64_t n = size_or(4'000'000);
  const goro::chan<int64_t> c{capacity};
  goro::wait_group senders;
  goro::wait_group receivers;
  const auto start = clock::now();
  for (int g = 0; g < 4; ++g) {
    senders.add(1);
    receivers.add(1);
    goro::go([c, n, &senders] {
      for (int64_t i = 0; i < n / 4; ++i) c.send(i);
      senders.done();
    });
    goro::go([c, &receivers] {
      int64_t sum = 0;
      for (const int64_t v : c) sum += v;
      keep(sum);
      receivers.done();
    });
  }
  senders.wait();
  c.close();
  receivers.wait();
  report_per_op(start, n);
}

// 8 goroutines lock and unlock one shared mutex around an increment. The increment is called through a
// pointer that the compiler cannot see through, because Go's twin calls a function value there.
struct locked_counter {
  goro::mutex guard;
  int64_t value = 0;
};

void increment(locked_counter& counter, int64_t) {
  const std::lock_guard lock(counter.guard);
  ++counter.value;
}

void mutex() {
  const int64_t g = goroutines_or(8);
  const int64_t n = size_or(1'000'000);
  locked_counter counter;
  void (*volatile opaque)(locked_counter&, int64_t) = increment;
  const auto step = opaque;
  goro::wait_group wg;
  const auto start = clock::now();
  for (int64_t k = 0; k < g; ++k) {
    wg.add(1);
    goro::go([&wg, &counter, step, n] {
      for (int64_t i = 0; i < n; ++i) step(counter, i);
      wg.done();
    });
  }
  wg.wait();
  report_per_op(start, g * n);
  check(counter.value == g * n, "lost increments");
}

// A token makes n hops round 1000 goroutines joined by unbuffered channels.
void ring() {
  const int64_t g = goroutines_or(1000);
  const int64_t n = size_or(1'000'000);
  const goro::chan<bool> done{g};
  const goro::chan<int64_t> first;
  goro::chan<int64_t> in = first;
  for (int64_t i = 0; i < g; ++i) {
    const goro::chan<int64_t> out = i == g - 1 ? first : goro::chan<int64_t>();
    goro::go([in, out, done] {
      for (const int64_t v : in) {
        if (v == 0) {
          done.send(true);
          return;
        }
        out.send(v - 1);
      }
    });
    in = out;
  }
  const auto start = clock::now();
  first.send(n);
  done.recv();
  report_per_op(start, n);
}

// A chain of filter goroutines, one for each prime, until the 2500th prime.
void sieve() {
  const int64_t n = size_or(2500);
  const auto start = clock::now();
  goro::chan<int64_t> c;
  goro::go([c] {
    for (int64_t i = 2;; ++i) c.send(i);
  });
  int64_t p = 0;
  for (int64_t i = 0; i < n; ++i) {
    p = c.recv().value();
    const goro::chan<int64_t> next;
    goro::go([in = c, out = next, p] {
      for (;;) {
        const int64_t v = in.recv().value();
        if (v % p != 0) out.send(v);
      }
    });
    c = next;
  }
  report("ms", ms_since(start));
  check(n != 2500 || p == 22'307, "wrong prime");
}

constexpr workload k_workloads[] = {
    {"ping_pong", ping_pong},
    {"chan_spsc", chan_spsc},
    {"chan_mpmc", [] { chan_mpmc(128); }},
    {"chan_unbuf_mpmc", [] { chan_mpmc(0); }},
    {"mutex", mutex},
    {"ring", ring},
    {"sieve", sieve},
};

}  // namespace

std::span<const workload> comm_workloads() { return k_workloads; }

}  // namespace bench
