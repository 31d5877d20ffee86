// The queue that all Ps share: overflow of the local ones, goroutines that yielded, and what plain threads start or
// wake. First in, first out, under a lock; size and count of departures can be read without it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include <goro/detail/lock.hpp>

#include "sched/chain.hpp"

namespace goro::detail {

template <class T>
class global_queue {
 public:
  std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }

  // How many were ever pushed and popped: an idle machine tells from them how long the queue takes to move.
  std::uint64_t pushed() const noexcept { return popped_.load(std::memory_order_relaxed) + size(); }
  std::uint64_t popped() const noexcept { return popped_.load(std::memory_order_relaxed); }

  void push(T* item) noexcept {
    const lock_guard guard(lock_);
    items_.push_back(item);
    size_.store(items_.size, std::memory_order_relaxed);
  }

  void push_all(chain<T> items) noexcept {
    if (!items.first) return;
    const lock_guard guard(lock_);
    items_.append(items);
    size_.store(items_.size, std::memory_order_relaxed);
  }

  // Takes a fair share for one of `procs` Ps: at least one if there is any, at most `most`.
  chain<T> pop_share(std::size_t procs, std::size_t most) noexcept {
    chain<T> share;
    if (size() == 0) return share;
    const lock_guard guard(lock_);
    std::size_t n = std::min({items_.size / procs + 1, items_.size, most});
    popped_.store(popped_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    for (; n != 0; --n) share.push_back(items_.pop_front());
    size_.store(items_.size, std::memory_order_relaxed);
    return share;
  }

 private:
  lock lock_;
  chain<T> items_;
  std::atomic<std::size_t> size_{0};
  std::atomic<std::uint64_t> popped_{0};
};

}  // namespace goro::detail
