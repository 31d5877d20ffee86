// Is it of use to give a second core to a goroutine that an unlock has woken?
//
// Goroutines that use one mutex again and again, and little else, run faster on one core than on two: 8 that
// count under one take 4.4 ns a step if left alone, and 13 to 19 on two cores that fight for its cache line.
// worth.hpp does not see that: it counts turns, and such a turn lasts until two meet at the lock, so there
// are more of them on two cores. Nor would it be asked: who unlocks computes on, its machine stands still,
// and beside such a one the woken goroutine would be helped at once (watch.cpp). Then the two fight until one
// of them has to wait, some microseconds later, is woken by the next unlock, and is helped again.
//
// So each such theft is a trial. If the thief or its victim has to wait for that lock within k_trial, which
// is no longer than the stolen goroutine has waited for a core, it was of no use: the next one that an unlock
// has woken, of whatever lock, must have waited twice as long before it is taken, at most for 2 ms (beside
// the same goroutine on a single P it would wait for a time slice, 10 ms). The first trial without such a
// wait ends that, and so do 10 ms without a verdict.
//
// This is only about who waits alone, as the next one, beside the computing goroutine that has woken it.
//
// All of it is a guess that nothing but the time of a theft depends on. So two who write at once may lose a
// verdict, and all orders are relaxed, but for two: who sees a trial sees its thief, or that of the next one,
// and who sees a thief sees its machine. Test that fails without
// the trial: quiet.LockTrial.
#pragma once

#include <atomic>
#include <cstdint>

#include "sched/waiter.hpp"

namespace goro::detail {

struct processor;

// Who was last made ready by an unlock on this P, of which lock, and in which of its turns. Its machine
// writes it; nobody follows the pointers. (A shared_mutex and the mutex of its writers count as one lock.)
struct lock_wake {
  std::atomic<const void*> who{nullptr};
  std::atomic<const void*> lock{nullptr};
  std::atomic<std::uint64_t> turn{0};
};

// Is all that waits there one whom an unlock has woken, in the present turn?
bool waits_after_unlock(const processor* pp) noexcept;

// How long such a one may wait beside who computes before an idle machine takes it, in ns.
std::int64_t lock_patience(std::int64_t now) noexcept;

// The watcher's: it has taken such a one.
void begin_lock_trial(const machine* thief, processor* victim) noexcept;

// By an unlock, which has made `who` ready.
void note_lock_wake(machine* mp, resumable who, const void* lock) noexcept;

// By who is about to wait for a lock.
void note_lock_wait(const machine* mp, const void* lock) noexcept;

}  // namespace goro::detail
