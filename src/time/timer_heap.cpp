#include "time/timer_heap.hpp"

#include <algorithm>

#include <goro/detail/atomics.hpp>

#include "diag/fatal.hpp"

namespace goro::detail {

void timer_node::wait_idle() const noexcept {
  unsigned spins = 0;  // the function runs on another machine: a few instructions, or a lost core
  while (status.load(std::memory_order_acquire) != state::idle)
    real_atomics::backoff(spins);  // pairs with finish()
}

bool timer_heap::arm(timer_node& t) {
  const lock_guard guard(guard_, current_lock_places(), k_place);
  const entry e(t);
  entries_.push_back(e);
  t.heap.store(this, std::memory_order_relaxed);
  t.status.store(timer_node::state::armed, std::memory_order_release);  // pairs with disarm()
  sift_up(entries_.size() - 1, e);
  if (entries_.size() > k_kept) large_.store(true, std::memory_order_relaxed);
  publish();
  return entries_.front().node() == &t;
}

bool timer_heap::disarm(timer_node& t) noexcept {
  if (!t.may_disarm) fatal("goro: a timer that nobody may disarm");
  for (;;) {
    // Pairs with finish(), and with arm().
    if (t.status.load(std::memory_order_acquire) == timer_node::state::idle) return false;
    timer_heap& heap = *t.heap.load(std::memory_order_relaxed);
    const lock_guard guard(heap.guard_, current_lock_places(), k_place);
    if (t.status.load(std::memory_order_acquire) != timer_node::state::armed)
      return false;  // pairs with arm()
    if (t.heap.load(std::memory_order_relaxed) != &heap) continue;
    heap.remove(t.index);
    t.status.store(timer_node::state::idle, std::memory_order_release);  // pairs with the next one's acquire
    heap.publish();
    return true;
  }
}

timer_node* timer_heap::take_due(time_point now) noexcept {
  if (next_due() > now) return nullptr;
  const lock_guard guard(guard_, current_lock_places(), k_place);
  if (entries_.empty() || entries_.front().when() > now) return nullptr;
  timer_node* t = entries_.front().node();
  remove(0);
  // The next one may be due, too, and is in nobody's cache: it comes while this one fires.
  if (!entries_.empty()) __builtin_prefetch(entries_.front().node());
  // Who stops it meanwhile reads in which heap it stood; pairs with timer_heap::disarm().
  t->status.store(timer_node::state::firing, std::memory_order_release);
  publish();
  return t;
}

bool timer_heap::shrink() noexcept {
  if (!large_.load(std::memory_order_relaxed)) return false;
  array old;
  const lock_guard guard(guard_);
  if (!entries_.empty()) return false;
  entries_.swap(old);
  large_.store(false, std::memory_order_relaxed);
  return true;
}

void timer_heap::put(std::size_t i, entry e) noexcept {
  entries_[i] = e;
  e.stands_at(i);
}

void timer_heap::sift_up(std::size_t i, entry e) noexcept {
  while (i != 0) {
    const std::size_t parent = (i - 1) / k_arity;
    if (entries_[parent].when() <= e.when()) break;
    put(i, entries_[parent]);
    i = parent;
  }
  put(i, e);
}

void timer_heap::sift_down(std::size_t i, entry e) noexcept {
  for (;;) {
    const std::size_t first = i * k_arity + 1;
    if (first >= entries_.size()) break;
    const std::size_t end = std::min(first + k_arity, entries_.size());
    std::size_t least = first;
    for (std::size_t c = first + 1; c < end; ++c) {
      if (entries_[c].when() < entries_[least].when()) least = c;
    }
    if (entries_[least].when() >= e.when()) break;
    put(i, entries_[least]);
    i = least;
  }
  put(i, e);
}

void timer_heap::remove(std::size_t i) noexcept {
  const entry last = entries_.back();
  entries_.pop_back();
  if (i == entries_.size()) return;
  const bool rises = i != 0 && last.when() < entries_[(i - 1) / k_arity].when();
  rises ? sift_up(i, last) : sift_down(i, last);
}

void timer_heap::publish() noexcept {
  const time_point first = entries_.empty() ? time_point::max() : entries_.front().when();
  next_due_.store(first.time_since_epoch().count(), std::memory_order_relaxed);
  size_.store(entries_.size(), std::memory_order_relaxed);
}

}  // namespace goro::detail
