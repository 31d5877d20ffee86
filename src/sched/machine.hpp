// M: a thread of the runtime.
//
// A machine that holds a P runs goroutines; without one it sleeps. Between two goroutines it may run the
// scheduler on its own stack (Go's g0), or choose the next goroutine on the stack of the one that parks and
// switch straight to it: one switch instead of two.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/relaxed.hpp"
#include "base/sanitizers.hpp"
#include "os/deadline_clock.hpp"
#include "os/futex.hpp"
#include "os/thread.hpp"
#include "sched/goroutine.hpp"
#include "sched/possession.hpp"

namespace goro::detail {

struct processor;

// What remains to be done for a goroutine that has just been left, once nobody stands on its stack any more:
// release the lock that guards the queue where it waits, put it into a run queue, free its stack.
using commit_function = void (*)(machine* mp, goroutine* left, void* arg) noexcept;

// Why a goroutine runs without a P.
enum class absence_reason : std::uint8_t { none, blocked, busy, blocking };

struct absence {
  absence_reason reason = absence_reason::none;
  bool reported = false;   // as a stall
  std::int64_t since = 0;  // ns; when the goroutine got the turn in which it lost its P, or gave it up
  const goroutine* who = nullptr;
};

// Aligned so that a turn touches two lines of it, and nobody else's.
struct alignas(64) machine {
  relaxed<goroutine*> curg;  // runs now; null on the scheduler's stack
  relaxed<processor*> pp;    // held P; null while it has none, and outdated while it has lost its P unawares
  possession<> hold;         // may the P be taken away?

  // The switch that is under way: a lock to be released, or something else to be done, for the one that is
  // left.
  lock* release_after = nullptr;
  commit_function commit = nullptr;
  void* commit_arg = nullptr;
  std::atomic<goroutine*> left{nullptr};  // its stack may still be stood on; atomic for stack/shrink.cpp
  processor* rotating = nullptr;  // whose queue is held: who is left stands in it (run_queue::begin_rotation)

  // The scheduler's own context.
  void* system_sp = nullptr;
  sanitizer_stack system_stack;

  // Of this thread, looked up once: the exception state and errno.
  eh_globals* eh = nullptr;
  int* errno_address = nullptr;

  goroutine* chosen = nullptr;  // has the turn next, and is to be started from the scheduler's own stack

  alignas(64) deadline_clock clock;  // for what its goroutines wait for

  alignas(64) lock_places places;  // for locks that are biased towards its thread

  // Idle life; see idle.cpp.
  note wake;
  bool watching = false;               // it is the one who looks for work; written by whoever gives it the P
  processor* assigned = nullptr;       // the P that a waker gave; guarded by the scheduler's lock
  goroutine* assigned_turn = nullptr;  // who is to run first with it, or null
  machine* idle_link = nullptr;
  time_point rests_until =
      time_point::max();  // when its sleep ends by itself; guarded by the scheduler's lock
  bool on_idle_list = false;
  std::atomic<bool> frozen{false};  // the process is ending, and this one has stopped for good
  machine* next_machine = nullptr;  // see first_machine()
  bool short_slice = false;         // it is to run at once when it is woken; see find_runnable.cpp
  std::int64_t dry_since = 0;       // it has found nothing to run since then; 0: it has work,
  std::int64_t work_since = 0;      // since then, if short_slice
  std::uint32_t idle_since = 0;     // the keeper's round

  // How often the scheduler's own stack was left and come back to: odd while goroutines have turns here.
  relaxed<std::uint64_t> outings;

  absence away;  // while it runs a goroutine without a P (hand_off.cpp); guarded by the scheduler's lock
  goroutine* locked = nullptr;  // os_thread_lock: the only goroutine that may run here
  bool leaves =
      false;  // the thread is to end: it was that goroutine's; or, noted under the lock, idle for too long

  // Its thread, for those who look after it.
  thread_id thread;
  machine* next_left = nullptr;  // of those whose threads have ended, are about to, or are to be started
};

}  // namespace goro::detail
