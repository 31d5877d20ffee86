// Chapter 6: what it costs. A million goroutines, and a goroutine's switch beside a thread's.

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>

#include "tour.hpp"

namespace tour {

namespace {

// Starts and joins n goroutines; returns nanoseconds for each.
double goroutine_cost(std::size_t n) {
  std::atomic<std::size_t> ran{0};
  const double took = seconds([&] {
    goro::wait_group wg;
    for (std::size_t i = 0; i != n; ++i) wg.go([&ran] { ran.fetch_add(1, std::memory_order_relaxed); });
    wg.wait();
  });
  check(ran.load() == n, "each of them ran, exactly once");
  say("goroutines: %zu started, run and joined in %.3f s", n, took);
  return took * 1e9 / static_cast<double>(n);
}

double thread_cost(std::size_t n) {
  std::atomic<std::size_t> ran{0};
  const double took = seconds([&] {
    for (std::size_t i = 0; i != n; ++i) std::thread([&ran] { ran.fetch_add(1); }).join();
  });
  say("threads:    %zu started, run and joined in %.3f s", ran.load(), took);
  return took * 1e9 / static_cast<double>(n);
}

// Two goroutines hand a token to each other over channels, on one P; nanoseconds for one way.
double goroutine_hand_over(std::size_t rounds) {
  const procs_scope one(1);
  const goro::chan<std::size_t> there;
  const goro::chan<std::size_t> back;
  goro::go([=] {
    for (const std::size_t token : there) back.send(token + 1);
    back.close();
  });
  std::size_t token = 0;
  const double took = seconds([&] {
    for (std::size_t i = 0; i != rounds; ++i) {
      there.send(token);
      token = back.recv().value();
    }
  });
  there.close();
  check(token == rounds, "the token went through all of its rounds between two goroutines");
  return took * 1e9 / static_cast<double>(2 * rounds);
}

// The same between two threads, with the tools that threads have.
double thread_hand_over(std::size_t rounds) {
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t token = 0;
  const auto take_turns = [&](std::size_t parity) {
    for (std::size_t i = 0; i != rounds; ++i) {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return token % 2 == parity; });
      ++token;
      changed.notify_one();
    }
  };
  const double took = seconds([&] {
    std::thread other([&] { take_turns(1); });
    take_turns(0);
    other.join();
  });
  check(token == 2 * rounds, "and between two threads");
  return took * 1e9 / static_cast<double>(2 * rounds);
}

// The bare switch: goroutines that do nothing but give way to each other.
double yield_cost(std::size_t goroutines, std::size_t yields) {
  const procs_scope one(1);
  goro::wait_group wg;
  const double took = seconds([&] {
    for (std::size_t g = 0; g != goroutines; ++g) {
      wg.go([yields] {
        for (std::size_t i = 0; i != yields; ++i) goro::this_goroutine::yield();
      });
    }
    wg.wait();
  });
  return took * 1e9 / static_cast<double>(goroutines * yields);
}

}  // namespace

void chapter_performance(const settings&) {
  say("Figures of this run on this machine, in this build; run it again and they differ by a fifth or so.");
  const double goroutine = goroutine_cost(scaled(1'000'000));
  const double thread = thread_cost(scaled(5'000));
  say("to start, run and join one: goroutine %.0f ns, thread %.0f ns, %.0f times as much", goroutine, thread,
      thread / goroutine);

  const double hand_over = goroutine_hand_over(scaled(500'000));
  const double thread_hand = thread_hand_over(scaled(10'000));
  say("to hand a token over and wake the other: goroutine %.0f ns, thread %.0f ns, %.0f times as much",
      hand_over, thread_hand, thread_hand / hand_over);

  const double yield = yield_cost(100, scaled(20'000));
  say("a yield, the switch included, with 100 goroutines taking turns: %.0f ns", yield);

  if (times_count()) {
    check(goroutine < thread, "a goroutine is cheaper to start than a thread");
    check(hand_over < thread_hand, "a switch between goroutines is cheaper than one between threads");
  }
  say("The program goro-bench measures much more, beside Go itself.");
}

}  // namespace tour
