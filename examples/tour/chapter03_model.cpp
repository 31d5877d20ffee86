// Chapter 3: the M:N model. A hundred thousand goroutines on as many threads as there are processors.

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <thread>
#include <vector>

#include "tour.hpp"

namespace tour {

namespace {

// Raises peak to value if it is below.
void raise(std::atomic<int>& peak, int value) {
  int seen = peak.load(std::memory_order_relaxed);
  while (seen < value && !peak.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
}

struct census {
  std::size_t alive = 0;         // goroutines that were there at the same moment
  std::size_t threads = 0;       // threads of the process at that moment
  std::size_t memory = 0;        // by how much its resident memory had grown, in bytes
  std::size_t threads_used = 0;  // different threads that have run a goroutine
  int at_once = 0;               // how many computed at the same moment, at most
  std::uint64_t sum = 0;
};

// Starts n goroutines that all wait at a gate, counts, and opens the gate.
census count_at_the_gate(std::size_t n) {
  const goro::chan<goro::unit> gate;
  std::vector<pid_t> ran_on(n);
  std::atomic<std::size_t> arrived{0};
  std::atomic<int> computing{0};
  std::atomic<int> peak{0};
  std::atomic<std::uint64_t> sum{0};

  const std::size_t memory_before = resident_bytes();
  goro::wait_group wg;
  for (std::size_t i = 0; i != n; ++i) {
    wg.go([&, i, gate] {
      arrived.fetch_add(1);
      gate.recv();
      raise(peak, computing.fetch_add(1) + 1);
      ran_on[i] = gettid();
      sum.fetch_add(i);
      computing.fetch_sub(1);
    });
  }
  census c;
  check(eventually([&] { return arrived.load() == n; }), "all of them have started and wait at a gate");
  c.alive = goro::goroutine_count();
  c.threads = count_threads();
  const std::size_t memory_now = resident_bytes();
  c.memory = memory_now > memory_before ? memory_now - memory_before : 0;
  gate.close();
  wg.wait();

  std::sort(ran_on.begin(), ran_on.end());
  c.threads_used = static_cast<std::size_t>(std::unique(ran_on.begin(), ran_on.end()) - ran_on.begin());
  c.at_once = peak.load();
  c.sum = sum.load();
  return c;
}

// Blocks its thread in the kernel, of which the runtime is told nothing.
void block_thread(std::chrono::milliseconds d) {
  timespec rest{.tv_sec = 0, .tv_nsec = std::chrono::nanoseconds(d).count()};
  while (::nanosleep(&rest, &rest) != 0) {
  }
}

// One P, and more goroutines that block their threads than there are Ps.
void hand_off() {
  const procs_scope one(1);
  constexpr int k_goroutines = 50;
  const auto before = goro::stats();
  goro::wait_group wg;
  const double took = seconds([&] {
    for (int i = 0; i != k_goroutines; ++i) wg.go([] { block_thread(std::chrono::milliseconds(20)); });
    wg.wait();
  });
  const auto after = goro::stats();
  say("%d goroutines blocked their threads for 20 ms each, on one P: %.0f ms in all. The P was taken from a "
      "blocked",
      k_goroutines, took * 1e3);
  say("thread %llu times, and %llu threads took turns with it; they end when nobody needs them",
      static_cast<unsigned long long>(after.handoffs_blocked - before.handoffs_blocked),
      static_cast<unsigned long long>(after.machines));
  check(after.handoffs_blocked > before.handoffs_blocked,
        "a thread that blocks in the kernel loses its P to another");
  if (times_count())
    check(took < 0.5, "so fifty blocking calls took about as long as one, and not fifty times as long");
}

}  // namespace

void chapter_model(const settings&) {
  say("G is a goroutine, M a machine (an OS thread), P a processor: the right to run goroutines, with a "
      "queue");
  say("of those that are ready. A thread needs a P to run goroutines, so max_procs() Ps are all that "
      "compute.");
  const std::size_t n = scaled(100'000);
  const auto procs = static_cast<std::size_t>(goro::max_procs());
  say("G: %zu, M: as needed, P: %zu (the machine has %u processors)", n, procs,
      std::thread::hardware_concurrency());

  census c;
  const double took = seconds([&] { c = count_at_the_gate(n); });
  say("%zu goroutines alive at the same moment, in a process of %zu threads (%.2f s in all)", c.alive,
      c.threads, took);
  say("after the gate was opened they ran on %zu different threads, %d at the same moment", c.threads_used,
      c.at_once);
  check(c.alive >= n, "goroutine_count() saw all of them at once");
  say("each of them takes %zu bytes of memory while it waits: its descriptor, and the first page of its "
      "stack",
      c.memory / n);
  check(c.threads < procs + 16, "the process has a handful of threads, whatever the number of goroutines");
  check(c.threads_used < procs + 16, "M:N: all those goroutines shared a handful of threads");
  check(c.at_once >= 1 && static_cast<std::size_t>(c.at_once) <= c.threads_used,
        "never did more of them compute at the same moment than there are threads");
  if (times_count())
    check(c.memory / n < 16'384, "a waiting goroutine takes a few KB, where a thread takes far more");
  check(c.sum == std::uint64_t{n} * (n - 1) / 2, "and each has added its number, exactly once");
  say("The threads of the runtime: %llu machines for %llu processors",
      static_cast<unsigned long long>(goro::stats().machines),
      static_cast<unsigned long long>(goro::stats().processors));
  hand_off();
}

}  // namespace tour
