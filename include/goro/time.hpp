// Sleeping, timers and tickers.
//
// Timers follow Go 1.23: once stop() or reset() has returned, no value of the earlier setting can be
// received, so there is nothing to drain. What happens before the making or the reset of a timer happens
// before what its firing sets off.
//
// A reset that throws std::bad_alloc leaves the timer or ticker stopped. Where there is no memory for the
// timer of a wait that has begun (a sleep, an operation with a deadline), or to start the function of one
// that fires, the process ends with a sentence that says so. Timers no longer fire once goroutines no longer
// run: in static destructors and exit handlers after run().
#pragma once

#include <chrono>
#include <concepts>
#include <functional>
#include <memory>
#include <source_location>
#include <type_traits>
#include <utility>

#include <goro/chan.hpp>
#include <goro/clock.hpp>
#include <goro/detail/spawn.hpp>

namespace goro {

namespace detail {
void sleep_until(time_point deadline);
recv_chan<time_point> after_at(time_point deadline);

struct timer_state;
// What a timer of after_func does.
struct timer_action {
  virtual ~timer_action() = default;
  virtual void run() = 0;
};
template <class F>
struct timer_call final : timer_action {
  F f;
  explicit timer_call(F&& g) : f(std::move(g)) {}
  explicit timer_call(const F& g) : f(g) {}
  void run() override { std::invoke(f); }
};

timer_state* make_timer(time_point when, clock::duration period);
timer_state* make_func_timer(time_point when, std::unique_ptr<timer_action> action,
                             std::source_location where);
bool stop_timer(timer_state& s) noexcept;
bool reset_timer(timer_state& s, time_point when, clock::duration period);
void end_timer(timer_state* s) noexcept;
recv_chan<time_point> channel_of(timer_state* s) noexcept;
clock::duration checked_period(clock::duration d, const char* text);
[[noreturn]] void throw_unset_timer(const char* what);

// A period, rounded up; one that the clock cannot count is as long as it can.
template <class Rep, class Period>
clock::duration to_period(const std::chrono::duration<Rep, Period>& d, const char* text) {
  if (!(d > d.zero())) return checked_period(clock::duration::zero(), text);  // throws
  if (exceeds(d, clock::duration::max())) return clock::duration::max();
  return std::chrono::ceil<clock::duration>(d);
}
}  // namespace detail

// Blocks for at least d on the monotonic clock; d <= 0 returns at once. A duration too long to add to the
// present means for ever. Cannot be cancelled: to wait for a cancellation as well, receive from after(d).
// How exact it is says docs/blocking.md. (time.Sleep)
template <class Rep, class Period>
void sleep_for(const std::chrono::duration<Rep, Period>& d) {
  if (d > d.zero()) detail::sleep_until(detail::deadline_after(d));
}

// Blocks until tp; returns at once if that is past.
template <class Clock, class Duration>
void sleep_until(const std::chrono::time_point<Clock, Duration>& tp) {
  detail::sleep_until(detail::to_steady(tp));
}

// A channel that receives one value, not before d: the moment at which it was due. Does not block. Nothing
// needs to be stopped: the timer goes with the last handle of the channel. (time.After)
template <class Rep, class Period>
[[nodiscard]] recv_chan<time_point> after(const std::chrono::duration<Rep, Period>& d) {
  return detail::after_at(detail::deadline_after(d));
}

class timer;

// Calls f in a goroutine of its own, d from now, and again after each reset(); two such calls may overlap.
// The timer's c() is nil; its end does not stop it. An exception that leaves f is like one that leaves a
// goroutine. Throws std::bad_alloc, and what copying f throws. (time.AfterFunc)
template <class Rep, class Period, class F>
timer after_func(const std::chrono::duration<Rep, Period>& d, F&& f,
                 std::source_location where = std::source_location::current());

// Fires once, d from now, by sending the moment at which it was due to c(); or, if it was made by after_func,
// by calling a function. One timer may be used by several goroutines at once; each firing reaches one of
// them. Its destructor stops it, except that of one made by after_func. Moved-from and default-constructed
// timers are unset. (time.Timer)
class timer {
 public:
  timer() noexcept = default;
  // Throws std::bad_alloc. A duration too long for the clock means never; d <= 0 fires at once.
  template <class Rep, class Period>
  explicit timer(const std::chrono::duration<Rep, Period>& d)
      : state_(detail::make_timer(detail::deadline_after(d), {})) {}
  timer(timer&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  timer& operator=(timer&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~timer() {
    if (state_) detail::end_timer(state_);
  }

  // The channel of the firings; its size() and capacity() read 0. Nil for an unset timer and one of
  // after_func.
  [[nodiscard]] recv_chan<time_point> c() const { return detail::channel_of(state_); }

  // Prevents the firing. True if it was to come, or its value was not yet received, and so is lost; false if
  // the timer had fired or was stopped before. Does not wait for the function of after_func. Throws panic
  // "time: Stop called on uninitialized Timer". Does not block. (Timer.Stop)
  bool stop() {
    if (!state_) detail::throw_unset_timer("time: Stop called on uninitialized Timer");
    return detail::stop_timer(*state_);
  }

  // Sets it to fire d from now, whether it has fired or not; returns what stop() would have. Throws panic
  // "time: Reset called on uninitialized Timer", std::bad_alloc. Does not block. (Timer.Reset)
  template <class Rep, class Period>
  bool reset(const std::chrono::duration<Rep, Period>& d) {
    if (!state_) detail::throw_unset_timer("time: Reset called on uninitialized Timer");
    return detail::reset_timer(*state_, detail::deadline_after(d), {});
  }

 private:
  template <class Rep, class Period, class F>
  friend timer after_func(const std::chrono::duration<Rep, Period>& d, F&& f, std::source_location where);

  explicit timer(detail::timer_state* s) noexcept : state_(s) {}

  detail::timer_state* state_ = nullptr;
};

template <class Rep, class Period, class F>
timer after_func(const std::chrono::duration<Rep, Period>& d, F&& f, std::source_location where) {
  static_assert(std::invocable<std::decay_t<F>&>, "goro::after_func: the function takes no arguments");
  detail::check_callable(f);
  return timer(detail::make_func_timer(
      detail::deadline_after(d), std::make_unique<detail::timer_call<std::decay_t<F>>>(std::forward<F>(f)),
      where));
}

// Fires every d: c() yields the moments at which the ticks were due, on a grid that does not drift. A tick
// that comes while the one before was not received is dropped. Stopped by its destructor; the channel is
// never closed. (time.Ticker)
class ticker {
 public:
  // Throws panic "non-positive interval for NewTicker", std::bad_alloc.
  template <class Rep, class Period>
  explicit ticker(const std::chrono::duration<Rep, Period>& d)
      : ticker(detail::to_period(d, "non-positive interval for NewTicker")) {}
  explicit ticker(clock::duration d)
      : state_(detail::make_timer(
            detail::deadline_after(detail::checked_period(d, "non-positive interval for NewTicker")), d)) {}
  ticker(ticker&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  ticker& operator=(ticker&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~ticker() {
    if (state_) detail::end_timer(state_);
  }

  // The channel of the ticks; its size() and capacity() read 0. Nil if moved from.
  [[nodiscard]] recv_chan<time_point> c() const { return detail::channel_of(state_); }

  // No tick comes, and none can be received, once this has returned. Does not close the channel.
  // (Ticker.Stop)
  void stop() noexcept {
    if (state_) detail::stop_timer(*state_);
  }

  // From now on it ticks every d, first d from now; a tick that was not received is lost. Throws panic
  // "non-positive interval for Ticker.Reset", std::bad_alloc. (Ticker.Reset)
  template <class Rep, class Period>
  void reset(const std::chrono::duration<Rep, Period>& d) {
    const clock::duration period = detail::to_period(d, "non-positive interval for Ticker.Reset");
    if (!state_) detail::throw_unset_timer("time: Reset called on uninitialized Ticker");
    detail::reset_timer(*state_, detail::deadline_after(period), period);
  }

 private:
  detail::timer_state* state_ = nullptr;
};

}  // namespace goro
