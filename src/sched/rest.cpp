// Where a machine without a P sleeps.
//
// On its own note, until somebody has assigned a P to it, or in the poller, so that what comes from outside
// wakes it up. There sleeps
//
//   the sentinel (idle.cpp), if nobody holds a P: then nobody else will look into the poller;
//   the sentinel, if those who hold one have not looked for k_poll_period: their goroutines compute;
//   who has run dry, if there is a watcher, and only that holds a P: it naps. Whoever serves connections goes
//   on by itself, on its own core, when the next packet comes. (Were that left to the watcher the two would
//   take turns, and 64 connections got 84,000 answers a second at 2 Ps, where one P gives 114,000.)
//
// Beside a P that serves connections and looks by itself, again and again, it stays on its note: else the
// kernel would wake a second core for every packet that comes while the first one is about to look. It only
// checks now and then whether that is still so. Between two checks, and if the sentinel was appointed in its
// sleep, sysmon looks; and who gives up the last P that was held wakes it. (Who was appointed while it slept
// in the poller stays there until the next packet, which wakes it once for nothing.)
//
// `in_poller` says who sleeps there, one at a time, so that wake_poller() cannot wake the wrong one. It is
// written under the scheduler's lock, as is what a waker wants to tell: either the waker sees that its word
// must go by way of the poller, or the sleeper sees the word before it falls asleep.
//
// Events are delivered when the machine has a P, into its queue; if there is none for it, by way of the
// global queue.
#include <algorithm>
#include <utility>

#include "diag/deadlock.hpp"
#include "os/clock.hpp"
#include "poll/poller.hpp"
#include "sched/scheduler.hpp"

namespace goro::detail {

namespace {

// The look for a deadlock costs some system calls: only when everything has been quiet for this long.
constexpr auto k_deadlock_delay = std::chrono::milliseconds(1);

// Between two checks whether the poller is looked after: so long at first, then longer.
constexpr std::chrono::nanoseconds k_first_check{k_poll_period};
constexpr std::chrono::nanoseconds k_longest_check{8 * k_poll_period};
// Until another one has come out of the poller, who is on its way.
constexpr std::chrono::microseconds k_until_vacant{50};

bool is_sentinel(const machine* mp) noexcept { return sched.sentinel.load(std::memory_order_relaxed) == mp; }

// The sentinel, if the caller still is that, takes the watch; if there is no P it is one of the idle
// machines. True if it has one. The scheduler's lock is held.
bool rise(machine* mp) noexcept {
  if (!is_sentinel(mp)) return false;
  sched.sentinel.store(nullptr, std::memory_order_relaxed);
  if (take_watch(mp)) return true;
  push_idle_machine(mp);
  return false;
}

// An idle machine has something to do; it goes on with a P, if one is free. The scheduler's lock is held.
bool resume_service(machine* mp) noexcept {
  if (!mp->on_idle_list) return false;
  processor* pp = take_idle_processor();
  if (!pp) return false;
  remove_idle_machine(mp);
  hold(mp, pp);
  return true;
}

// Is it for this machine to sleep in the poller? The scheduler's lock is held.
bool serves_poller(const machine* mp) noexcept {
  if (is_sentinel(mp)) return !others_run() || poll_is_due();
  return mp->on_idle_list && sched.watcher && working_processors() == 0;
}

// True if the machine is to sleep in the poller, and has its place there.
bool enter_poller(machine* mp) noexcept {
  if (!anybody_polls()) return false;
  const lock_guard guard(sched.guard);
  if (mp->assigned || mp->leaves || sched.in_poller.load(std::memory_order_relaxed) || !serves_poller(mp))
    return false;
  sched.in_poller.store(mp, std::memory_order_relaxed);
  return true;
}

// One sleep after another, until there is a P.
class sleeper {
 public:
  // The deadline has been noted in the machine.
  sleeper(machine* mp, const time_point* deadline) noexcept : mp_(mp), deadline_(deadline) {}

  void sleep_once() noexcept {
    events_.size = 0;
    served_ = enter_poller(mp_);
    if (served_) {
      sleep_in_poller(events_, deadline_);
    } else {
      sleep_on_note();
    }
    due_ = deadline_ && clock::now() >= *deadline_;
  }

  // True if the machine is not to sleep any more: it has a P, or its thread is to end.
  bool settle() noexcept {
    const bool awake = look();
    deliver(mp_->pp ? mp_ : nullptr, events_);
    return awake;
  }

 private:
  void sleep_on_note() noexcept {
    time_point until = deadline_ ? *deadline_ : time_point::max();
    if (anybody_polls() && is_sentinel(mp_)) {
      check_ = std::min(2 * check_, k_longest_check);
      const bool occupied = sched.in_poller.load(std::memory_order_relaxed) != nullptr;
      if (occupied) wake_poller();
      until = std::min(until, clock::now() + (occupied ? k_until_vacant : check_));
    }
    mp_->wake.sleep(until == time_point::max() ? nullptr : &until);
  }

  bool look() noexcept {
    const lock_guard guard(sched.guard);
    if (sched.in_poller.load(std::memory_order_relaxed) == mp_)
      sched.in_poller.store(nullptr, std::memory_order_relaxed);
    if (due_) deadline_ = nullptr;  // it was the sentinel's, whose place is now somebody else's
    mp_->rests_until = deadline_ ? *deadline_ : time_point::max();
    if (mp_->leaves) return true;
    mp_->wake.clear();  // if nothing is assigned it was set late, for what has been taken already
    if (mp_->assigned) {
      hold(mp_, std::exchange(mp_->assigned, nullptr));
      mp_->chosen = std::exchange(mp_->assigned_turn, nullptr);
      return true;
    }
    if (!due_ && events_.size == 0) return false;
    if (!rise(mp_) && !(served_ && resume_service(mp_))) return false;
    if (due_) sched.pace.woke(now());
    return true;
  }

  machine* const mp_;
  const time_point* deadline_;
  bool due_ = false;
  bool served_ = false;  // the poller
  std::chrono::nanoseconds check_ = k_first_check / 2;
  poll_batch events_;
};

}  // namespace

void sleep_until_assigned(machine* mp, const time_point* deadline) noexcept {
  sleeper s(mp, deadline);
  do {
    s.sleep_once();
  } while (!s.settle());
}

namespace {

// The watcher's place goes to one that sleeps in the poller, and need not be woken for it.
bool leave_watch_to_sleeper(machine* mp) noexcept {
  time_point due;
  successor who = successor::not_needed;
  {
    const lock_guard guard(sched.guard);
    const machine* sleeper = sched.in_poller.load(std::memory_order_relaxed);
    due = next_timer_wake();
    if (!anybody_polls() || !sleeper || !sleeper->on_idle_list || sleeper->rests_until > due) return false;
    mp->watching = false;
    sched.watcher = nullptr;
    release_processor(mp);
    who = provide_for_idle();  // to be woken if a timer has been armed meanwhile
    mp->rests_until = due;     // so that it can be the next one
    push_idle_machine(mp);
  }
  complete_resignation(who);
  sleep_until_assigned(mp, due == time_point::max() ? nullptr : &due);
  return true;
}

}  // namespace

void sleep_as_sentinel(machine* mp) noexcept {
  if (leave_watch_to_sleeper(mp)) return;
  time_point due;
  {
    const lock_guard guard(sched.guard);
    mp->watching = false;
    sched.watcher = nullptr;
    release_processor(mp);
    due = next_timer_wake();
    mp->rests_until = due;
    sched.sentinel_due.store(due.time_since_epoch().count(), std::memory_order_relaxed);
    sched.sentinel.store(mp, std::memory_order_release);
  }
  const time_point* const deadline = due == time_point::max() ? nullptr : &due;
  heavy_fence();  // [MO-3], pairs with the light_fence in notify_submit()
  if (anything_queued() || next_timer_wake() < due) {
    const lock_guard guard(sched.guard);
    if (rise(mp)) return;
  } else if (due == time_point::max() && !others_run() && !anybody_polls()) {
    const time_point soon = clock::now() + k_deadlock_delay;
    if (!mp->wake.sleep(&soon)) report_deadlock(mp);
  }
  sleep_until_assigned(mp, deadline);
}

}  // namespace goro::detail
