#include "time/timer_heap.hpp"

#include <goro/detail/atomics.hpp>

namespace goro::detail {

void timer_node::wait_idle() const noexcept {
  unsigned spins = 0;  // the function runs on another machine: a few instructions, or a lost core
  while (status.load(std::memory_order_acquire) != state::idle)
    real_atomics::backoff(spins);  // pairs with finish()
}

bool timer_heap::arm(timer_node& t) {
  const lock_guard guard(guard_, current_lock_places(), k_place);
  nodes_.push_back(&t);
  if (t.heap != this) t.heap = this;  // of one that arms itself anew others may be reading it
  t.status.store(timer_node::state::armed, std::memory_order_relaxed);
  put(nodes_.size() - 1, &t);
  sift_up(nodes_.size() - 1);
  if (nodes_.size() > k_kept) large_.store(true, std::memory_order_relaxed);
  publish();
  return nodes_.front() == &t;
}

bool timer_heap::disarm(timer_node& t) noexcept {
  if (t.status.load(std::memory_order_acquire) == timer_node::state::idle)
    return false;  // pairs with finish()
  timer_heap& heap = *t.heap;
  const lock_guard guard(heap.guard_, current_lock_places(), k_place);
  if (t.status.load(std::memory_order_relaxed) != timer_node::state::armed) return false;
  heap.remove(t.index);
  t.status.store(timer_node::state::idle, std::memory_order_relaxed);
  heap.publish();
  return true;
}

timer_node* timer_heap::take_due(time_point now) noexcept {
  if (next_due() > now) return nullptr;
  const lock_guard guard(guard_, current_lock_places(), k_place);
  if (nodes_.empty() || nodes_.front()->when > now) return nullptr;
  timer_node* t = nodes_.front();
  remove(0);
  t->status.store(timer_node::state::firing, std::memory_order_relaxed);
  publish();
  return t;
}

bool timer_heap::shrink() noexcept {
  if (!large_.load(std::memory_order_relaxed)) return false;
  array old;
  const lock_guard guard(guard_);
  if (!nodes_.empty()) return false;
  nodes_.swap(old);
  large_.store(false, std::memory_order_relaxed);
  return true;
}

void timer_heap::put(std::size_t i, timer_node* t) noexcept {
  nodes_[i] = t;
  t->index = i;
}

void timer_heap::sift_up(std::size_t i) noexcept {
  timer_node* t = nodes_[i];
  while (i != 0) {
    const std::size_t parent = (i - 1) / k_arity;
    if (nodes_[parent]->when <= t->when) break;
    put(i, nodes_[parent]);
    i = parent;
  }
  put(i, t);
}

void timer_heap::sift_down(std::size_t i) noexcept {
  timer_node* t = nodes_[i];
  for (;;) {
    const std::size_t first = i * k_arity + 1;
    if (first >= nodes_.size()) break;
    std::size_t least = first;
    for (std::size_t c = first + 1; c < nodes_.size() && c != first + k_arity; ++c) {
      if (nodes_[c]->when < nodes_[least]->when) least = c;
    }
    if (nodes_[least]->when >= t->when) break;
    put(i, nodes_[least]);
    i = least;
  }
  put(i, t);
}

void timer_heap::remove(std::size_t i) noexcept {
  timer_node* last = nodes_.back();
  nodes_.pop_back();
  if (i == nodes_.size()) return;
  put(i, last);
  sift_up(i);
  sift_down(last->index);
}

void timer_heap::publish() noexcept {
  const time_point first = nodes_.empty() ? time_point::max() : nodes_.front()->when;
  next_due_.store(first.time_since_epoch().count(), std::memory_order_relaxed);
  size_.store(nodes_.size(), std::memory_order_relaxed);
}

}  // namespace goro::detail
