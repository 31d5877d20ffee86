// The queue that all Ps share: overflow of the local ones, goroutines that yielded, and what plain threads
// start or wake. First in, first out, under a lock; size and count of departures can be read without it.
//
// A growing ring of pointers, not a list through the descriptors: a P takes them by the hundred, and
// following links would miss the cache at each one (8 of 33 ns of a yield among a thousand goroutines).
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <goro/detail/lock.hpp>

#include "os/mapped_allocator.hpp"
#include "sched/chain.hpp"

namespace goro::detail {

template <class T>
class global_queue {
 public:
  // What was popped first: a push and a pop between the two looks must not make the difference negative.
  std::size_t size() const noexcept {
    const std::uint64_t popped = popped_.load(std::memory_order_acquire);  // pairs with pop_share()
    return static_cast<std::size_t>(pushed_.load(std::memory_order_relaxed) - popped);
  }

  // How many were ever pushed and popped: an idle machine tells from them how long the queue takes to move.
  std::uint64_t pushed() const noexcept { return pushed_.load(std::memory_order_relaxed); }
  std::uint64_t popped() const noexcept { return popped_.load(std::memory_order_relaxed); }

  // Ends the process (noexcept) if there is no memory to grow.
  void push(T* item) noexcept {
    const lock_guard guard(lock_);
    push_locked(item);
  }

  void push_all(chain<T> items) noexcept {
    if (!items.first) return;
    const lock_guard guard(lock_);
    while (T* item = items.pop_front()) push_locked(item);
  }

  // How many are a fair share for one of `procs` Ps.
  std::size_t share(std::size_t procs) const noexcept {
    const std::size_t all = size();
    return std::min(all, all / procs + 1);
  }

  // Takes a fair share for one of `procs` Ps, at most `most`: calls take(item) for each; how many.
  template <class Take>
  std::size_t pop_share(std::size_t procs, std::size_t most, Take take) noexcept {
    if (size() == 0) return 0;
    const lock_guard guard(lock_);
    const std::size_t n = std::min(share(procs), most);
    const std::uint64_t first = popped_.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i != n; ++i) take(items_[(first + i) & mask_]);
    popped_.store(first + n,
                  std::memory_order_release);  // pairs with size(): whoever sees "empty" sees what was taken
    return n;
  }

  // Gives the memory of a queue that has become empty back; true if there was any to speak of.
  bool shrink() noexcept {
    array old;
    const lock_guard guard(lock_);
    if (size() != 0 || items_.size() <= k_first) return false;
    items_.swap(old);
    mask_ = 0;
    return true;
  }

 private:
  using array = std::vector<T*, mapped_allocator<T*>>;
  static constexpr std::size_t k_first = 1024;

  void push_locked(T* item) noexcept {
    const std::uint64_t at = pushed_.load(std::memory_order_relaxed);
    if (size() == items_.size()) grow();
    items_[at & mask_] = item;
    pushed_.store(at + 1, std::memory_order_relaxed);
  }

  void grow() noexcept {
    array larger(std::max(k_first, 2 * items_.size()));
    const std::uint64_t first = popped_.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i != items_.size(); ++i) {
      larger[(first + i) & (larger.size() - 1)] = items_[(first + i) & mask_];
    }
    items_.swap(larger);
    mask_ = items_.size() - 1;
  }

  lock lock_;
  array items_;  // a power of two
  std::uint64_t mask_ = 0;
  std::atomic<std::uint64_t> pushed_{0};
  std::atomic<std::uint64_t> popped_{0};
};

}  // namespace goro::detail
