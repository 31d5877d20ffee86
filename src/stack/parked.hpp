// Getting hold of a parked goroutine's stack, to read it or to take its unused part away.
//
// A parked goroutine may be resumed at any moment, by anybody, and a resumed one writes to its stack. So
// looking after it and resuming it exclude each other, at no cost to the resuming side but a load and a store
// of a line that it writes anyway ([MO-7], Dekker again, with the resuming as the frequent side):
//
//   resume  status = running;  light_fence;  if (parked != untouched) come_back();  sp = null;  go on
//   park    status = waiting;  ...;  sp = its stack pointer (the switch);  off the stack
//   pass    parked: what it was to claimed;  heavy_fence;  only if status is not running and sp is not null:
//           parked: claimed to held;  trim it, or read it;  parked = bare, trimmed, or what it was
//
// Either the pass sees that it runs, or the goroutine sees that it is claimed: then it takes the claim away,
// or waits in come_back() for whoever holds it: for two system calls, or for a walk over its frames. One
// fence serves many. A goroutine that is about to park, or to yield, says so while it still stands on its
// stack, but then sp is null: whoever resumed it has cleared it, and of a descriptor without a goroutine it
// is null, too. One that has not begun has the top of its stack there for a moment: nothing is saved.
//
// The switch saves sp by a plain store. To read what it has saved before that, on a machine that may reorder
// stores, a pass needs a second heavy_fence between seeing sp and reading.
//
// Passes exclude each other by a lock, since a claim does not say whose it is. The time at which a pass first
// found a goroutine parked is what reports call its waiting: parking itself looks at no clock. It holds until
// the goroutine runs again, which makes `parked` untouched.
//
// Without asymmetric fences (fence.hpp) the resuming side would have to pay, and nothing can be held. Tests
// that fail without: model.trim_*, model.read_*, stress STACK_07, stress DIAG_04.
#pragma once

#include <cstdint>

#include <goro/detail/lock.hpp>

#include "sched/goroutine.hpp"

namespace goro::detail {

// Held during a pass.
lock& pass_lock() noexcept;

// The goroutine is one of those that come next, if it is still in that state. A heavy_fence must follow.
bool claim_parked(goroutine& g, parked_state from) noexcept;

// After it: the saved stack pointer of one that is off its stack; null if it is not, or has not begun.
void* saved_context(const goroutine& g) noexcept;

// False if it has run since the claim; then nothing more is to be done. Otherwise it waits until it is let
// go.
bool hold_parked(goroutine& g) noexcept;
void let_go(goroutine& g, parked_state next) noexcept;
void withdraw_claim(goroutine& g, parked_state former) noexcept;

std::uint32_t now_in_seconds() noexcept;  // of the clock

// It has been found parked for the first time since it ran.
void notice(goroutine& g, std::uint32_t now) noexcept;
// For how many seconds it is known to have been parked.
std::uint32_t seconds_parked(const goroutine& g) noexcept;

}  // namespace goro::detail
