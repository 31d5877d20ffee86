// A thread of the runtime that is no machine and looks after things now and then: it sleeps between two
// looks, and for ever while there is nothing to look after, until somebody rouses it.
#pragma once

#include <sys/types.h>

#include <goro/clock.hpp>

#include "os/futex.hpp"

namespace goro::detail {

class helper_thread {
 public:
  // The scheduler's lock is held: the decision to sleep for ever is made under it.
  void fall_asleep() noexcept { asleep_ = true; }

  // The scheduler's lock is held. Ends that sleep.
  void rouse() noexcept {
    if (!asleep_) [[likely]]
      return;
    asleep_ = false;
    wake_.set();
  }

  void sleep_until_roused() noexcept {
    wake_.sleep();
    wake_.clear();
  }

  // Ends early if somebody hurries it.
  void sleep_until(time_point when) noexcept {
    if (wake_.sleep(&when)) wake_.clear();
  }

  // It may be lost if the sleeper is just waking up: what it is to see must be looked at after the sleep,
  // under the lock under which it was written.
  void hurry() noexcept { wake_.set(); }

 private:
  bool asleep_ = false;
  note wake_;
};

// Starts it, without the program's signals; false if there is no thread to be had.
bool start_helper(void* (*body)(void*)) noexcept;

// Is it the kernel's number of one of them?
bool is_helper(pid_t number) noexcept;

}  // namespace goro::detail
