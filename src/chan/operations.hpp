// What an operation on a channel can do at once, under the channel's lock: the part that plain operations and
// select share. The invariants are in chan_core.cpp.
#pragma once

#include <cstring>

#include <goro/detail/chan_core.hpp>

#include "sched/waiter.hpp"

namespace goro::detail {

inline void move_element(const element_ops& ops, void* to, void* from) noexcept {
  if (ops.word) {
    std::memcpy(to, from, 8);
  } else {
    ops.move(to, from);
  }
}

inline void push_back(chan_core* c, void* element) noexcept {
  const std::size_t n = c->count.load(std::memory_order_relaxed);
  move_element(*c->ops, c->slot(n, c->ops->size), element);
  c->count.store(n + 1, std::memory_order_relaxed);
}

inline void pop_front(chan_core* c, void* storage) noexcept {
  c->ops->relocate(storage, c->slot(0, c->ops->size));
  if (++c->head == c->capacity) c->head = 0;
  c->count.store(c->count.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
}

enum class attempt { done, closed, must_wait };

// What a send can do at once. On `done`, `woken` is the receiver to be made ready, if any. The lock is held.
inline attempt send_now(chan_core* c, void* element, wait_node*& woken) noexcept {
  if (c->closed.load(std::memory_order_relaxed)) return attempt::closed;
  woken = dequeue(c->receivers);
  if (woken) {
    move_element(*c->ops, woken->element, element);
    woken->delivered = true;
    return attempt::done;
  }
  if (c->count.load(std::memory_order_relaxed) == c->capacity) return attempt::must_wait;
  push_back(c, element);
  return attempt::done;
}

inline attempt recv_now(chan_core* c, void* storage, wait_node*& woken) noexcept {
  if (c->count.load(std::memory_order_relaxed) != 0) {
    pop_front(c, storage);
    woken = dequeue(c->senders);
    if (woken) push_back(c, woken->element);
  } else {
    woken = dequeue(c->senders);
    if (!woken) return c->closed.load(std::memory_order_relaxed) ? attempt::closed : attempt::must_wait;
    move_element(*c->ops, storage, woken->element);
  }
  if (woken) woken->delivered = true;
  return attempt::done;
}

}  // namespace goro::detail
