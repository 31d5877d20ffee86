// Waiting for a condition that a mutex guards.
#pragma once

#include <chrono>
#include <condition_variable>  // std::cv_status
#include <mutex>

#include <goro/clock.hpp>
#include <goro/detail/lock.hpp>
#include <goro/detail/wait_queue.hpp>
#include <goro/mutex.hpp>

namespace goro {

// A condition variable for goro::mutex (sync.Cond; the names are those of std::condition_variable). From
// goroutines and plain threads alike. There are no spurious returns: a wait ends by a notification, or at its
// deadline. A notification is for who waits then; it is not remembered. What precedes notify_one or
// notify_all happens before the return of the wait that it ends.
class condition_variable {
 public:
  constexpr condition_variable() noexcept = default;
  condition_variable(const condition_variable&) = delete;
  condition_variable& operator=(const condition_variable&) = delete;

  // Releases the lock and waits, as one step; holds the lock again when it returns. Throws panic if the lock
  // is not held. Ignores cancellation.
  void wait(std::unique_lock<mutex>& held) { wait_until_notified(held, nullptr); }
  template <class Pred>
  void wait(std::unique_lock<mutex>& held, Pred pred) {
    while (!pred()) wait(held);
  }

  // The same for at most d, or until tp, of which it keeps a copy. std::cv_status::timeout if the time is
  // over.
  template <class Rep, class Period>
  std::cv_status wait_for(std::unique_lock<mutex>& held, const std::chrono::duration<Rep, Period>& d) {
    return status(wait_by(held, detail::deadline_after(d)));
  }
  template <class Clock, class Duration>
  std::cv_status wait_until(std::unique_lock<mutex>& held,
                            const std::chrono::time_point<Clock, Duration>& tp) {
    return status(wait_by(held, detail::to_steady(tp)));
  }
  // The value of pred at the end.
  template <class Rep, class Period, class Pred>
  bool wait_for(std::unique_lock<mutex>& held, const std::chrono::duration<Rep, Period>& d, Pred pred) {
    return wait_until(held, detail::deadline_after(d), std::move(pred));
  }
  template <class Clock, class Duration, class Pred>
  bool wait_until(std::unique_lock<mutex>& held, const std::chrono::time_point<Clock, Duration>& tp,
                  Pred pred) {
    const time_point deadline = detail::to_steady(tp);
    while (!pred()) {
      if (!wait_by(held, deadline)) return pred();
    }
    return true;
  }

  // Wakes the one that has waited longest, or all who wait now. The lock need not be held. Does not block.
  void notify_one() noexcept;
  void notify_all() noexcept;

 private:
  static std::cv_status status(bool notified) noexcept {
    return notified ? std::cv_status::no_timeout : std::cv_status::timeout;
  }
  bool wait_by(std::unique_lock<mutex>& held, time_point deadline) {
    return wait_until_notified(held, &deadline);
  }
  bool wait_until_notified(std::unique_lock<mutex>& held, const time_point* deadline);

  detail::lock guard_;
  detail::wait_queue waiters_;
};

}  // namespace goro
