// Free objects, first in, first out, that can tell how many of them nobody has needed for a while: what a
// pool may give back. The pool's lock guards all of it, except where take_idle() says otherwise.
#pragma once

#include <algorithm>
#include <cstddef>

#include <goro/detail/lock.hpp>

#include "sched/chain.hpp"

namespace goro::detail {

template <class T>
class idle_chain {
 public:
  std::size_t size() const noexcept { return free_.size; }

  // Takes one into use; null if there is none.
  T* take() noexcept {
    T* item = free_.pop_front();
    fewest_ = std::min(fewest_, free_.size);
    return item;
  }
  void put(chain<T> items) noexcept { free_.append(items); }

  // Takes one that will come back at once, and does not count as needed.
  T* borrow() noexcept { return free_.pop_front(); }
  // They are as idle as they were.
  void put_idle(chain<T> items) noexcept {
    free_.append(items);
    fewest_ = std::min(fewest_ + items.size, free_.size);
  }

  // As many as were never needed since the last call, those that have been free for longest. Calls mark(item)
  // for each. Takes the lock itself, for some at a time.
  template <class Mark>
  chain<T> take_idle(lock& guard, Mark mark) noexcept {
    constexpr std::size_t k_at_once = 256;
    chain<T> idle;
    std::size_t rest = k_at_once;
    for (bool begun = false; rest != 0; begun = true) {
      const lock_guard held(guard);
      if (!begun) rest = fewest_;
      for (std::size_t i = 0; i != k_at_once && rest != 0; ++i, --rest) {
        T* item = borrow();
        if (!item) break;  // they are needed after all
        mark(item);
        idle.push_back(item);
      }
      if (!free_.first) rest = 0;
      if (rest == 0) fewest_ = free_.size;
    }
    return idle;
  }

 private:
  chain<T> free_;
  std::size_t fewest_ = 0;  // in free_, since the last take_idle()
};

}  // namespace goro::detail
