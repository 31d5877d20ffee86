// M: a thread of the runtime.
//
// A machine that holds a P runs goroutines; without one it sleeps. Between two goroutines it may run the
// scheduler on its own stack (Go's g0), or choose the next goroutine on the stack of the one that parks and
// switch straight to it: one switch instead of two.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/sanitizers.hpp"
#include "os/futex.hpp"
#include "sched/goroutine.hpp"

namespace goro::detail {

struct processor;

// What remains to be done for a goroutine that has just been left, once nobody stands on its stack any more:
// release the lock that guards the queue where it waits, put it into a run queue, free its stack.
using commit_function = void (*)(machine* mp, goroutine* left, void* arg);

struct machine {
  goroutine* curg = nullptr;  // runs now; null on the scheduler's stack
  processor* pp = nullptr;    // held P; null while asleep without one

  // The seam of the hand-off. Every entry into the runtime stores `inside` and then looks at `attention`,
  // which somebody else sets to have the machine give up its P: then the entry is the preemption point. The
  // one who sets it issues a heavy_fence before it looks at `inside`. [MO-4]
  std::atomic<bool> inside{true};
  std::atomic<bool> attention{false};

  // The switch that is under way: a lock to be released, or something else to be done, for the one that is
  // left.
  lock* release_after = nullptr;
  commit_function commit = nullptr;
  void* commit_arg = nullptr;
  std::atomic<goroutine*> left{nullptr};  // its stack may still be stood on; atomic for stack/shrink.cpp
  goroutine* chosen = nullptr;  // has the turn next, and is to be started from the scheduler's own stack

  // The scheduler's own context.
  void* system_sp = nullptr;
  sanitizer_stack system_stack;

  // Of this thread, looked up once: the exception state and errno.
  eh_globals* eh = nullptr;
  int* errno_address = nullptr;

  // Idle life; see idle.cpp.
  note wake;
  bool watching = false;          // it is the one who looks for work; written by whoever gives it the P
  processor* assigned = nullptr;  // the P that a waker gave; guarded by the scheduler's lock
  machine* idle_link = nullptr;
  bool on_idle_list = false;
  std::atomic<bool> frozen{false};  // the process is ending, and this one has stopped for good
  machine* next_machine = nullptr;  // see first_machine()
  bool short_slice = false;         // while idle: it is to run at once when it is woken
};

}  // namespace goro::detail
