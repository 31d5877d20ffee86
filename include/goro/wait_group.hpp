// Waiting until a number of goroutines have finished.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <source_location>
#include <type_traits>
#include <utility>

#include <goro/clock.hpp>
#include <goro/detail/spawn.hpp>

namespace goro {

// A counter that can be waited for (sync.WaitGroup). add() before the goroutine starts, done() when it has
// finished on every way out, wait() for zero; go(f) does the first two. done() happens before the return of
// the wait() that it releases. Reusable once all waits have returned. Safe to destroy as soon as all waits
// have returned; destroying it with a count other than zero is fatal.
class wait_group {
 public:
  constexpr wait_group() noexcept = default;
  ~wait_group();
  wait_group(const wait_group&) = delete;
  wait_group& operator=(const wait_group&) = delete;

  // Adds n (which may be negative) to the counter; at zero all waiters are released. Does not block.
  // Throws panic "sync: negative WaitGroup counter", and "sync: WaitGroup misuse: Add called concurrently
  // with Wait" when a zero counter grows while others wait; the counter is then as before. The counter has 31
  // bits: throws panic "goro: wait_group counter out of range" if n alone does not fit.
  void add(std::int64_t n = 1) {
    if (n != static_cast<std::int32_t>(n)) throw_out_of_range();
    const std::uint64_t delta = static_cast<std::uint64_t>(n) << k_count_shift;
    const std::uint64_t state = state_.fetch_add(delta, std::memory_order_acq_rel) + delta;
    if (count(state) >= 0 && (state & k_waiters) == 0) return;
    add_slow(state, n);
  }

  // add(-1).
  void done() { add(-1); }

  // Blocks until the counter is zero; returns at once if it is. Ignores cancellation.
  void wait() {
    if (state_.load(std::memory_order_acquire) != 0) wait_slow(nullptr);
  }

  // The same, for at most d; false if the time ran out.
  template <class Rep, class Period>
  [[nodiscard]] bool wait_for(const std::chrono::duration<Rep, Period>& d) {
    if (state_.load(std::memory_order_acquire) == 0) return true;
    const time_point deadline = detail::deadline_after(d);
    return wait_slow(&deadline);
  }

  // add(1), then starts a goroutine that calls f, destroys it, and then calls done().
  template <class F>
    requires std::invocable<std::decay_t<F>>
  void go(F&& f, std::source_location where = std::source_location::current()) {
    detail::check_callable(f);
    detail::spawn<task<std::decay_t<F>>>(nullptr, where, std::forward<F>(f), *this);
  }

 private:
  // The word: the counter in the upper 32 bits, a mark that somebody waits in the lower ones.
  static constexpr int k_count_shift = 32;
  static constexpr std::uint64_t k_waiters = 1;
  static constexpr std::int64_t count(std::uint64_t state) noexcept {
    return static_cast<std::int64_t>(state) >> k_count_shift;
  }

  // Calls f; destroys it before it says done, so that what f captured is gone when wait() returns.
  template <class F>
  class task {
   public:
    template <class G>
    task(G&& f, wait_group& group) : done_(group), f_(std::forward<G>(f)) {}
    void operator()() { std::invoke(std::move(f_)); }

   private:
    // Counted from here on, and until f_ is destroyed: whatever throws before the goroutine has started, the
    // counter is as before.
    class counted {
     public:
      explicit counted(wait_group& group) : group_(group) { group_.add(1); }
      ~counted() { group_.done(); }
      counted(const counted&) = delete;
      counted& operator=(const counted&) = delete;

     private:
      wait_group& group_;
    };
    counted done_;
    F f_;
  };

  [[noreturn]] static void throw_out_of_range();
  void add_slow(std::uint64_t state, std::int64_t n);
  void grow_from_zero(std::int64_t n);
  void release_waiters();
  bool wait_slow(const time_point* deadline);

  std::atomic<std::uint64_t> state_{0};
};

}  // namespace goro
