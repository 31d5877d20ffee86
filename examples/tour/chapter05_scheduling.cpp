// Chapter 5: who runs next. Local queues, the global queue, stealing and yielding, shown by the runtime's
// counters.

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <goro/net.hpp>
#include <span>
#include <string>
#include <string_view>
#include <thread>

#include "tour.hpp"

namespace tour {

namespace {

unsigned long long count(std::uint64_t n) { return n; }

// How far the one that is ahead was ever ahead of the one that is behind.
std::ptrdiff_t largest_lead(const std::string& steps) {
  std::ptrdiff_t largest = 0;
  for (std::size_t n = 1; n <= steps.size(); ++n) {
    const auto end = steps.begin() + static_cast<std::ptrdiff_t>(n);
    const auto [least, most] =
        std::minmax({std::count(steps.begin(), end, 'a'), std::count(steps.begin(), end, 'b'),
                     std::count(steps.begin(), end, 'c')});
    largest = std::max(largest, most - least);
  }
  return largest;
}

// Three goroutines that yield after every step.
void yielding() {
  const procs_scope one(1);
  std::string steps;
  const goro::chan<goro::unit> start;
  std::atomic<int> waiting{0};
  goro::wait_group wg;
  for (const char who : {'a', 'b', 'c'}) {
    wg.go([&, who, start] {
      waiting.fetch_add(1);
      start.recv();
      for (int i = 0; i != 10; ++i) {
        steps += who;  // no lock: there is one P, and this goroutine gives it away only in yield
        goro::this_goroutine::yield();
      }
    });
  }
  check(eventually([&] { return waiting.load() == 3; }), "three goroutines share one P");
  start.close();
  wg.wait();
  say("yielding:       %s", steps.c_str());
  check(steps.size() == 30 && largest_lead(steps) <= 2,
        "yield() gives the others their turn: nobody runs ahead");
}

// A P's queue is a ring of 256. When more become ready at once, half of it moves to the global queue.
void overflow_to_global() {
  const procs_scope one(1);
  constexpr std::size_t k_sleepers = 2000;
  const goro::chan<goro::unit> gate;
  std::atomic<std::size_t> waiting{0};
  goro::wait_group wg;
  for (std::size_t i = 0; i != k_sleepers; ++i) {
    wg.go([&waiting, gate] {
      waiting.fetch_add(1);
      gate.recv();
    });
  }
  check(eventually([&] { return waiting.load() == k_sleepers; }), "two thousand goroutines wait at a gate");
  const auto before = goro::stats();
  gate.close();  // makes all of them ready, on this P
  wg.wait();
  const auto after = goro::stats();
  say("global queue:   woken at one stroke they overflowed the local ring %llu times; %llu came back from "
      "there",
      count(after.overflows - before.overflows), count(after.global_runs - before.global_runs));
  check(after.global_runs > before.global_runs,
        "what does not fit into a local queue goes through the global one");
}

// A plain thread has no P, so what it starts goes to the global queue.
void from_a_thread() {
  const auto before = goro::stats();
  std::atomic<int> ran{0};
  goro::wait_group wg;
  std::thread outsider([&] {
    for (int i = 0; i != 100; ++i) wg.go([&ran] { ran.fetch_add(1); });
  });
  outsider.join();  // blocks this thread; should it take long, the P goes to another one
  wg.wait();
  say("global queue:   a plain thread started 100 goroutines; %llu were taken from the global queue",
      count(goro::stats().global_runs - before.global_runs));
  check(ran.load() == 100, "all of them ran");
}

// Main starts goroutines and then computes without ever giving its P away: they can run only on the other P.
void stealing() {
  const procs_scope two(2);
  constexpr int k_goroutines = 100;
  std::atomic<int> ran{0};
  goro::wait_group wg;
  const auto before = goro::stats();
  for (int i = 0; i != k_goroutines; ++i) {
    wg.go([&ran] { ran.fetch_add(1); });
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (ran.load() != k_goroutines && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();  // the kernel's yield, of the thread: it keeps the P
  }
  const int stolen_and_run = ran.load();
  wg.wait();
  const auto after = goro::stats();
  say("stealing:       main kept its P busy; the other P came %llu times and took %llu goroutines",
      count(after.steals - before.steals), count(after.stolen - before.stolen));
  check(stolen_and_run == k_goroutines, "an idle P steals from a busy one, and runs what it took");
  check(after.steals > before.steals, "and the runtime has counted it");
}

// More goroutines that never call goro than there are Ps.
void endless_loops() {
  const int loops = 2 * goro::max_procs();
  std::atomic<bool> stop{false};
  goro::wait_group wg;
  const auto before = goro::stats();
  for (int i = 0; i != loops; ++i) {
    wg.go([&stop] {
      while (!stop.load(std::memory_order_relaxed)) {
      }
    });
  }
  double longest = 0;
  for (int i = 0; i != 20; ++i) {
    longest = std::max(longest, seconds([] { goro::sleep_for(std::chrono::milliseconds(1)); }));
  }
  stop.store(true);
  wg.wait();
  say("time slices:    beside %d endless loops main slept 20 times for 1 ms; the longest took %.1f ms", loops,
      longest * 1e3);
  check(goro::stats().handoffs_busy > before.handoffs_busy,
        "a goroutine that computes without end loses its P after 10 ms, and freezes nobody");
}

void resizing() {
  const int former = goro::max_procs();
  std::atomic<bool> stop{false};
  std::atomic<long> steps{0};
  goro::wait_group wg;
  for (int i = 0; i != 8; ++i) {
    wg.go([&] {
      while (!stop.load()) steps.fetch_add(1), goro::this_goroutine::yield();
    });
  }
  bool alive = true;
  for (const int n : {1, 4, 2, 8, former}) {
    goro::set_max_procs(n);
    const long before = steps.load();
    alive = eventually([&] { return steps.load() > before; }) && alive;
  }
  stop.store(true);
  wg.wait();
  check(alive && goro::max_procs() == former, "the number of Ps may change at any time: 1, 4, 2, 8 and back");
}

// A listener, and so many connections that wait for the other side most of the time.
void network() {
  constexpr int k_connections = 200;
  constexpr std::string_view k_text = "hello";
  auto listener = goro::net::listen("127.0.0.1:0").value();
  goro::wait_group wg;
  wg.go([&] {
    while (auto conn = listener.accept()) {
      wg.go([c = std::move(*conn)]() mutable {
        std::array<std::byte, 64> buffer;
        for (auto r = c.read(buffer); r && r.n != 0; r = c.read(buffer)) {
          if (!c.write(std::span(buffer).first(r.n))) break;
        }
      });
    }
  });
  std::atomic<int> answered{0};
  const double took = seconds([&] {
    goro::wait_group clients;
    for (int i = 0; i != k_connections; ++i) {
      clients.go([&] {
        auto c = goro::net::dial(goro::background(), to_string(listener.local()));
        std::array<std::byte, k_text.size()> reply;
        if (c && c->write(k_text) && c->read_full(reply).n == reply.size()) answered.fetch_add(1);
      });
    }
    clients.wait();
  });
  static_cast<void>(listener.close());  // ends accept()
  wg.wait();
  say("the network:    %d connections to a server of this process, opened, answered and closed in %.0f ms",
      k_connections, took * 1e3);
  check(answered.load() == k_connections, "a goroutine for each end; who waits for a socket costs no thread");
}

}  // namespace

void chapter_scheduling(const settings&) {
  say("A P looks for work in this order: its run_next slot, its own queue, the global queue, the sockets "
      "that "
      "are ready, the queues of others.");
  yielding();
  overflow_to_global();
  from_a_thread();
  stealing();
  resizing();
  endless_loops();
  network();
  record_a_trace();
}

}  // namespace tour
