// Waiters that were taken out of a queue under its lock and are to be made ready after its release, in order.
//
// Each node lies on a stack of its own, each descriptor elsewhere: of a million waiters nothing is in the
// caches, and a plain list would wait for memory twice at every step. So each node also points some places
// further on, which lets the walk ask for what it needs in time (with schedule.cpp's fetch_from_memory():
// closing a channel with a million receivers and running them on one P: 250 ms instead of 420).
#pragma once

#include <array>
#include <cstddef>

#include "sched/turn.hpp"
#include "sched/waiter.hpp"

namespace goro::detail {

class woken_list {
 public:
  void add(wait_node& n) noexcept {
    n.next = n.prev = nullptr;
    (last_ ? last_->next : first_) = &n;
    last_ = &n;
    wait_node*& slot = recent_[count_ % k_ahead];
    if (count_ >= k_ahead) slot->prev = &n;
    slot = &n;
    ++count_;
  }

  // After each step the node may be gone, and what the list came from, too.
  void ready_all(machine* mp) noexcept {
    const wait_node* soon = first_;
    for (std::size_t i = 0; soon && i != k_ahead / 2; ++i) soon = soon->next;
    for (const wait_node* n = first_; n;) {
      const wait_node* const next = n->next;
      __builtin_prefetch(n->prev);
      if (soon) {
        __builtin_prefetch(soon->who.as_goroutine());
        soon = soon->next;
      }
      ready(mp, n->who);
      n = next;
    }
  }

 private:
  static constexpr std::size_t k_ahead = 16;

  wait_node* first_ = nullptr;
  wait_node* last_ = nullptr;
  std::size_t count_ = 0;
  std::array<wait_node*, k_ahead> recent_;  // the last ones, if there are that many
};

}  // namespace goro::detail
