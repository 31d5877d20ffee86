// The workloads of goro-bench with Boost.Fiber: the same names, loops, capacities and timed sections, default
// stacks (128 KB) and default options. One thread has the round-robin algorithm that fibers have by default,
// several have `work_stealing` and sleep when they have nothing to do.
//
// A wait group is a count with a mutex and a condition variable of Boost's. A channel is `unbuffered_channel`
// or `buffered_channel`; that one holds one element less than its capacity, a power of two, says.
#include <atomic>
#include <boost/fiber/all.hpp>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "fib.hpp"
#include "peers/peer.hpp"

namespace bench {
namespace {

using std::int64_t;
namespace fibers = boost::fibers;

class wait_group {
 public:
  explicit wait_group(int64_t n) : left_(n) {}
  void done() {
    if (left_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    const std::lock_guard guard(lock_);
    over_ = true;
    all_done_.notify_all();
  }
  void wait() {
    std::unique_lock guard(lock_);
    all_done_.wait(guard, [this] { return over_; });
  }

 private:
  std::atomic<int64_t> left_;
  bool over_ = false;
  fibers::mutex lock_;
  fibers::condition_variable all_done_;
};

template <class Body>
void go(Body body) {
  fibers::fiber(fibers::launch::post, std::move(body)).detach();
}

template <class Channel>
int64_t receive(Channel& c) {
  int64_t value = 0;
  check(c.pop(value) == fibers::channel_op_status::success, "closed");
  return value;
}

void spawn_join() {
  const int64_t n = size_or(1'000'000);
  const auto start = clock::now();
  wait_group wg(n);
  for (int64_t i = 0; i < n; ++i) go([&wg] { wg.done(); });
  wg.wait();
  report_per_op(start, n);
}

void yield() {
  const int64_t g = goroutines_or(1000);
  const int64_t k = size_or(1'000'000) / g;
  const auto start = clock::now();
  wait_group wg(g);
  for (int64_t i = 0; i < g; ++i) {
    go([&wg, k] {
      for (int64_t j = 0; j < k; ++j) boost::this_fiber::yield();
      wg.done();
    });
  }
  wg.wait();
  report_per_op(start, g * k);
}

using unbuffered = fibers::unbuffered_channel<int64_t>;
using buffered = fibers::buffered_channel<int64_t>;

void sky_node(unbuffered& c, int64_t num, int64_t size) {
  if (size == 1) {
    c.push(num);
    return;
  }
  unbuffered rc;
  for (int64_t i = 0; i < 10; ++i)
    go([&rc, num, size, i] { sky_node(rc, num + i * (size / 10), size / 10); });
  int64_t sum = 0;
  for (int i = 0; i < 10; ++i) sum += receive(rc);
  c.push(sum);
}

void skynet() {
  const int64_t n = size_or(1'000'000);
  const auto start = clock::now();
  unbuffered c;
  go([&c, n] { sky_node(c, 0, n); });
  check(receive(c) == n * (n - 1) / 2, "wrong sum, or -n is no power of 10");
  report("ms", ms_since(start));
}

int64_t fib_of(int64_t n) {
  if (n < 2) return n;
  wait_group wg(1);
  int64_t x = 0;
  go([&wg, &x, n] {
    x = fib_of(n - 1);
    wg.done();
  });
  const int64_t y = fib_of(n - 2);
  wg.wait();
  return x + y;
}

void ping_pong() {
  const int64_t n = size_or(1'000'000);
  unbuffered a;
  unbuffered b;
  wait_group ended(1);
  go([&] {
    for (const int64_t v : a) b.push(v);
    ended.done();
  });
  const auto start = clock::now();
  for (int64_t i = 0; i < n; ++i) {
    a.push(i);
    receive(b);
  }
  report_per_op(start, n);
  a.close();
  ended.wait();
}

void chan_spsc() {
  const int64_t n = size_or(10'000'000);
  buffered c{128};
  wait_group ended(1);
  const auto start = clock::now();
  go([&c, &ended, n] {
    for (int64_t i = 0; i < n; ++i) c.push(i);
    c.close();
    ended.done();
  });
  int64_t sum = 0;
  for (const int64_t v : c) sum += v;
  report_per_op(start, n);
  check(sum == n * (n - 1) / 2, "wrong sum");
  ended.wait();
}

template <class Channel>
void chan_mpmc(Channel& c) {
  const int64_t n = size_or(4'000'000);
  wait_group senders(4);
  wait_group receivers(4);
  const auto start = clock::now();
  for (int g = 0; g < 4; ++g) {
    go([&c, &senders, n] {
      for (int64_t i = 0; i < n / 4; ++i) c.push(i);
      senders.done();
    });
    go([&c, &receivers] {
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

void mutex() {
  const int64_t g = goroutines_or(8);
  const int64_t n = size_or(1'000'000);
  fibers::mutex lock;
  int64_t value = 0;
  wait_group wg(g);
  const auto start = clock::now();
  for (int64_t k = 0; k < g; ++k) {
    go([&] {
      for (int64_t i = 0; i < n; ++i) {
        const std::lock_guard guard(lock);
        ++value;
      }
      wg.done();
    });
  }
  wg.wait();
  report_per_op(start, g * n);
  check(value == g * n, "lost increments");
}

void ring() {
  const int64_t g = goroutines_or(1000);
  const int64_t n = size_or(1'000'000);
  std::vector<std::unique_ptr<unbuffered>> c;
  c.reserve(static_cast<std::size_t>(g));
  for (int64_t i = 0; i < g; ++i) c.push_back(std::make_unique<unbuffered>());
  wait_group ended(1);
  for (std::size_t i = 0; i < c.size(); ++i) {
    go([&ended, in = c[i].get(), out = c[(i + 1) % c.size()].get()] {
      for (const int64_t v : *in) {
        if (v == 0) return ended.done();
        out->push(v - 1);
      }
    });
  }
  const auto start = clock::now();
  c.front()->push(n);
  ended.wait();
  report_per_op(start, n);
  std::quick_exit(0);  // the others wait for ever
}

constexpr workload k_workloads[] = {
    {"spawn_join", spawn_join},
    {"yield", yield},
    {"skynet", skynet},
    {"fib_wg", [] { time_fib(fib_of); }},
    {"ping_pong", ping_pong},
    {"chan_spsc", chan_spsc},
    {"chan_mpmc",
     [] {
       buffered c{128};
       chan_mpmc(c);
     }},
    {"chan_unbuf_mpmc",
     [] {
       unbuffered c;
       chan_mpmc(c);
     }},
    {"mutex", mutex},
    {"ring", ring},
};

// The other threads serve fibers until the workload has ended.
void run(const workload& chosen) {
  const int threads = procs();
  if (threads == 1) return chosen.body();
  const auto take_part = [threads] {
    fibers::use_scheduling_algorithm<fibers::algo::work_stealing>(static_cast<std::uint32_t>(threads), true);
  };
  wait_group ended(1);
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) {
    others.emplace_back([&] {
      take_part();
      ended.wait();
    });
  }
  take_part();
  chosen.body();
  ended.done();
  for (std::thread& t : others) t.join();
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  const bench::workload* const chosen =
      bench::choose("goro-bench-boost-fiber", bench::k_workloads, argc, argv);
  if (chosen == nullptr) return 2;
  bench::run(*chosen);
  return 0;
}
