// Waiting in tests: for a condition, for goroutines to block, for a thread's signal. Never a bare sleep: a
// test that says "it blocks" looks at the state that the runtime reports.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <ctime>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include <goro/diag.hpp>
#include <goro/go.hpp>
#include <goro/time.hpp>

namespace goro_test {

using namespace std::chrono_literals;
using ms = std::chrono::milliseconds;

// Polls until pred() is true; false when the limit is over. Yields, then sleeps ever longer; from goroutines
// and plain threads.
template <class Pred>
bool eventually(Pred&& pred, std::chrono::nanoseconds limit = 20s) {
  const auto end = goro::clock::now() + limit;
  std::chrono::nanoseconds nap = 10us;
  for (int turn = 0; !pred(); ++turn) {
    if (goro::clock::now() >= end) return pred();
    if (turn < 200) {
      goro::this_goroutine::yield();
    } else {
      goro::sleep_for(nap);
      nap = std::min<std::chrono::nanoseconds>(nap * 2, 2ms);
    }
  }
  return true;
}

// What diag::goroutines() says of the goroutine of that name; all empty if there is none.
goro::diag::goroutine_info info_of(std::string_view name);

// Its state: "runnable", "running", what it waits for; empty if there is none.
std::string state_of(std::string_view name);

// The functions above and below no longer see the goroutines that exist now: an earlier test left them.
void overlook_present_goroutines();

// How many goroutines of that name wait for something.
std::size_t parked_count(std::string_view name);

// True as soon as n goroutines of that name wait for something.
bool all_park(std::string_view name, std::size_t n = 1);

// Starts f under a name that the functions above know.
template <class F>
void go_named(std::string_view name, F&& f) {
  goro::go(goro::go_options{}.name(name), std::forward<F>(f));
}

// Keeps a core busy without entering the runtime.
inline void compute(std::chrono::nanoseconds d) {
  const auto end = std::chrono::steady_clock::now() + d;
  while (std::chrono::steady_clock::now() < end) {
  }
}

// Blocks the thread in the C library, of which goro is told nothing. Signals do not end it.
inline void block_thread(std::chrono::nanoseconds d) {
  timespec rest{.tv_sec = static_cast<time_t>(d / 1s), .tv_nsec = (d % 1s).count()};
  while (::nanosleep(&rest, &rest) != 0) {
  }
}

// A one-shot signal that needs nothing of goro, for plain threads.
class signal_flag {
 public:
  void set() {
    const std::lock_guard held(guard_);
    is_set_ = true;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock held(guard_);
    changed_.wait(held, [this] { return is_set_; });
  }

 private:
  std::mutex guard_;
  std::condition_variable changed_;
  bool is_set_ = false;
};

}  // namespace goro_test
