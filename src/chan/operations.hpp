// What an operation on a channel can do at once, under the channel's lock: the part that plain operations and
// select share. The invariants are in chan_core.cpp.
#pragma once

#include <cstring>

#include <goro/detail/chan_core.hpp>
#include <goro/detail/race.hpp>

#include "sched/goroutine.hpp"
#include "sched/waiter.hpp"
#include "stack/stack.hpp"

namespace goro::detail {

inline void move_element(const element_ops& ops, void* to, void* from) noexcept {
  if (ops.word) {
    std::memcpy(to, from, 8);
  } else {
    ops.move(to, from);
  }
}

// What is promised of a buffered channel goes by the slot: who fills it sees what preceded its last emptying,
// who empties it what preceded the filling (MM-03, MM-06).
inline void race_use_slot(const std::byte* slot) noexcept {
  race_acquire(slot);
  race_release(slot);
}

inline void push_back(chan_core* c, void* element) noexcept {
  const std::size_t n = c->count.load(std::memory_order_relaxed);
  race_use_slot(c->slot(n, c->ops->size));
  move_element(*c->ops, c->slot(n, c->ops->size), element);
  c->count.store(n + 1, std::memory_order_relaxed);
}

inline void pop_front(chan_core* c, void* storage) noexcept {
  race_use_slot(c->slot(0, c->ops->size));
  c->ops->relocate(storage, c->slot(0, c->ops->size));
  if (++c->head == c->capacity) c->head = 0;
  c->count.store(c->count.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
}

// The same for the partner that waits in `n`. It is parked, and cannot go on while the channel is locked, so
// it is done in its name; not so for a plain thread, which is told by way of the caller.
inline void race_use_slot_for(wait_node* n, const std::byte* slot) noexcept {
  if (const goroutine* gp = n->who.as_goroutine()) {
    void* const self = sanitizer_take_name(&gp->stack()->sanitizer);
    race_use_slot(slot);
    sanitizer_give_name_back(self);
  } else {
    race_acquire(n);
    race_use_slot(slot);
    race_release(n);
#if defined(GORO_TSAN)
    n->race_slot = slot;  // who tells here may be a timer that fires, and that has nothing to tell
#endif
  }
}

// A sender meets the receiver that waits in `n`. On an unbuffered channel each sees what the other did
// before; otherwise it is as if the element went through the buffer.
inline void race_hand_over(chan_core* c, wait_node* n) noexcept {
  if (!race_checks_program()) return;
  if (c->capacity == 0) {
    race_acquire(n);
    race_release(n);
    return;
  }
  const std::byte* slot = c->slot(0, c->ops->size);
  race_use_slot(slot);
  race_use_slot_for(n, slot);
  if (++c->head == c->capacity) c->head = 0;
}

enum class attempt { done, closed, must_wait };

// The two are inlined always: of a round trip over two unbuffered channels that saves 68 of 718 instructions.

// What a send can do at once. On `done`, `woken` is the receiver to be made ready, if any. The lock is held.
[[gnu::always_inline]] inline attempt send_now(chan_core* c, void* element, wait_node*& woken) noexcept {
  if (c->closed.load(std::memory_order_relaxed)) return attempt::closed;
  woken = dequeue(c->receivers);
  if (woken) {
    race_hand_over(c, woken);
    move_element(*c->ops, woken->element, element);
    woken->delivered = true;
    return attempt::done;
  }
  if (c->count.load(std::memory_order_relaxed) == c->capacity) return attempt::must_wait;
  push_back(c, element);
  return attempt::done;
}

[[gnu::always_inline]] inline attempt recv_now(chan_core* c, void* storage, wait_node*& woken) noexcept {
  if (c->count.load(std::memory_order_relaxed) != 0) {
    pop_front(c, storage);
    woken = dequeue(c->senders);
    if (woken) {
      push_back(c, woken->element);
      if (race_checks_program()) race_use_slot_for(woken, c->slot(c->capacity - 1, c->ops->size));
    }
  } else {
    woken = dequeue(c->senders);
    if (!woken) {
      if (!c->closed.load(std::memory_order_relaxed)) return attempt::must_wait;
      race_acquire(&c->closed);
      return attempt::closed;
    }
    race_hand_over(c, woken);
    move_element(*c->ops, storage, woken->element);
  }
  if (woken) woken->delivered = true;
  return attempt::done;
}

}  // namespace goro::detail
