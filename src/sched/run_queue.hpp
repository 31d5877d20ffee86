// The goroutines that wait for a turn on one P.
//
// Three places, because three kinds of work want three orders:
//   run_next  one goroutine that the running one has just made ready. It gets the next turn, within the same
//             time slice: its data is hot, and a hand-over between two goroutines must not cost a queue.
//   ready     a ring of those made ready before that: first in, first out, for fairness.
//   fresh     those never started: newest first for the owner, oldest first for thieves (Cilk's order). What
//             has not started has no stack, so the owner keeps the tree of waiting parents small, and a thief
//             gets the largest subtree. First in, first out costs fork-join programs a stack for every node
//             of a level.
//
// Nothing starves: see pick() and its caller in schedule.cpp, which counts turns.
//
// All of it is guarded by a biased lock (base/biased_lock.hpp): the P's machine is the owner, thieves take
// half of one place at a time. The indices are atomics only so that an idle machine can look from outside how
// the queue moves (marks()) without disturbing the owner. One hold may last for a switch: who yields stands
// in the queue before it has left its stack (begin_rotation).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/biased_lock.hpp"
#include "sched/chain.hpp"

namespace goro::detail {

// The usual order is: run_next, ready, newest fresh. The others keep it from starving anybody.
enum class pick_order {
  slice_over,    // run_next goes to the end of ready: ready, oldest fresh, run_next
  oldest_fresh,  // oldest fresh, then as slice_over
};

// Capacity is that of ready: a thousand that yield in turn need no other queue. That of fresh is what fits
// the cache, see enqueue_fresh().
template <class T, std::size_t Capacity = 1024, class Atomics = real_atomics,
          std::size_t FreshCapacity = (Capacity < 256 ? Capacity : 256)>
class run_queue {
  using index = typename Atomics::template atomic<std::uint32_t>;

 public:
  // What an outsider can see; see watch.cpp.
  struct marks {
    const void* run_next;
    std::uint32_t ready_head, ready_tail, fresh_head, fresh_tail;
    std::uint32_t size() const noexcept {
      return (run_next ? 1U : 0U) + between(ready_head, ready_tail) + between(fresh_head, fresh_tail);
    }
    bool empty() const noexcept { return !run_next && ready_head == ready_tail && fresh_head == fresh_tail; }

   private:
    // The tail may be from before what the head has passed.
    static std::uint32_t between(std::uint32_t head, std::uint32_t tail) noexcept {
      const std::uint32_t n = tail - head;
      return n > std::uint32_t{INT32_MAX} ? 0 : n;
    }
  };
  marks look() const noexcept {
    return {run_next_.load(std::memory_order_acquire), ready_.head.load(std::memory_order_relaxed),
            ready_.tail.load(std::memory_order_relaxed), fresh_.head.load(std::memory_order_relaxed),
            fresh_.tail.load(std::memory_order_relaxed)};
  }

  // Owner: item gets the next turn; the one that had it goes to the end of ready. Null, or that one if there
  // is no room: then it is the caller's.
  [[nodiscard]] T* push_next(T* item) noexcept {
    const owner_guard guard(lock_);
    T* kicked = run_next_.load(std::memory_order_relaxed);
    run_next_.store(item, std::memory_order_relaxed);
    if (!kicked) return nullptr;
    if (ready_.size() == Capacity) [[unlikely]]
      return kicked;
    ready_.push_back(kicked);
    return nullptr;
  }

  // Owner: item goes to the end of ready. If the ring is full, its older half goes to `overflow`, and item
  // behind it.
  void push_ready(T* item, chain<T>& overflow) noexcept {
    const owner_guard guard(lock_);
    if (ready_.size() != Capacity) return ready_.push_back(item);
    for (std::size_t n = Capacity / 2; n != 0; --n) overflow.push_back(ready_.pop_front());
    overflow.push_back(item);
  }

  // Owner: item goes behind everything that is queued here, run_next as well, which at the end of a slice
  // would come later. False if that cannot be, because ready is full or somebody waits in fresh, who would
  // come later.
  [[nodiscard]] bool push_last(T* item) noexcept {
    const owner_guard guard(lock_);
    T* const next = run_next_.load(std::memory_order_relaxed);
    if (fresh_.size() != 0 || ready_.size() + (next ? 2 : 1) > Capacity) return false;
    if (next) queue_next(next);
    ready_.push_back(item);
    return true;
  }

  // Owner: item goes behind everybody and the first in line comes out, in one step. Null, and nothing has
  // changed, where that is not as simple as the two ends of ready. Else nobody can take item before
  // end_rotation(), which its owner calls when it has left item's stack, and before anything else here. Only
  // where fences are asymmetric.
  [[nodiscard, gnu::always_inline]] T* begin_rotation(T* item) noexcept {
    lock_.owner_acquire_where_asymmetric();
    const bool simple = !run_next_.load(std::memory_order_relaxed) && fresh_.size() == 0;
    T* const first = simple ? ready_.rotate(item) : nullptr;
    if (!first) [[unlikely]]
      lock_.owner_release();
    return first;
  }
  void end_rotation() noexcept { lock_.owner_release(); }

  // Owner: a goroutine that never ran. False if there is no room.
  [[nodiscard]] bool push_fresh(T* item) noexcept {
    const owner_guard guard(lock_);
    if (fresh_.size() == FreshCapacity) return false;
    fresh_.push_back(item);
    return true;
  }

  // Owner: is there somebody who never ran?
  [[nodiscard]] bool waits_fresh() const noexcept { return fresh_.size() != 0; }

  // Owner: the n-th of ready, counted from 0, or null. A thief may have it by now.
  [[nodiscard]] T* peek_ready(std::uint32_t n) const noexcept { return ready_.peek(n); }

  // Owner: where ready ends. run_next goes behind that, unless ready is full.
  [[nodiscard]] std::uint32_t mark_end() noexcept {
    const owner_guard guard(lock_);
    const std::uint32_t mark = ready_.tail.load(std::memory_order_relaxed);
    T* const next = run_next_.load(std::memory_order_relaxed);
    if (next && ready_.size() != Capacity) queue_next(next);
    return mark;
  }

  // Owner: who stood in ready at the mark goes behind those who have come since.
  void pass_before(std::uint32_t mark) noexcept {
    const owner_guard guard(lock_);
    const std::uint32_t before = mark - ready_.head.load(std::memory_order_relaxed);
    if (before >= ready_.size()) return;  // nobody has come, or thieves have taken all of those
    for (std::uint32_t n = before; n != 0; --n) ready_.push_back(ready_.pop_front());
  }

  // Owner: how many more fit into ready.
  [[nodiscard]] std::size_t room() const noexcept { return Capacity - ready_.size(); }

  // Owner, while ready has room for what comes: fill(push) calls push(item) for each; returns what fill
  // returns.
  template <class Fill>
  auto push_ready_batch(Fill fill) noexcept {
    const owner_guard guard(lock_);
    return fill([this](T* item) { ready_.push_back(item); });
  }

  // Owner: takes one in the usual order; null if there is none. Calls not_next() if it was not run_next.
  template <class NotNext>
  [[nodiscard, gnu::always_inline]] T* pick(NotNext not_next) noexcept {
    const owner_guard guard(lock_);
    T* next = run_next_.load(std::memory_order_relaxed);
    if (next) {
      run_next_.store(nullptr, std::memory_order_relaxed);
      return next;
    }
    not_next();
    if (ready_.size() != 0) return ready_.pop_front();
    return fresh_.size() != 0 ? fresh_.pop_back() : nullptr;
  }

  // Owner: takes one in another order; null if there is none.
  [[nodiscard]] T* pick(pick_order order) noexcept {
    const owner_guard guard(lock_);
    if (order == pick_order::oldest_fresh && fresh_.size() != 0) return fresh_.pop_front();
    T* next = run_next_.load(std::memory_order_relaxed);
    if (next) return after_slice(next);
    if (ready_.size() != 0) return ready_.pop_front();
    return fresh_.size() != 0 ? fresh_.pop_front() : nullptr;
  }

  // Owner: takes everything, oldest first.
  [[nodiscard]] chain<T> drain() noexcept {
    const owner_guard guard(lock_);
    chain<T> all;
    while (ready_.size() != 0) all.push_back(ready_.pop_front());
    if (T* next = run_next_.load(std::memory_order_relaxed)) all.push_back(next);
    run_next_.store(nullptr, std::memory_order_relaxed);
    while (fresh_.size() != 0) all.push_back(fresh_.pop_front());
    return all;
  }

  // Thief: half of ready, else half of fresh, else run_next; oldest first. Empty if there is nothing, or if
  // another thief is at work.
  struct loot {
    chain<T> items;
    bool fresh = false;
  };
  [[nodiscard]] loot steal() noexcept {
    loot got;
    if (!lock_.thief_try_acquire()) return got;
    take_half(got);
    T* next = got.items.first ? nullptr : run_next_.load(std::memory_order_relaxed);
    if (next) {
      run_next_.store(nullptr, std::memory_order_relaxed);
      got.items.push_back(next);
    }
    lock_.thief_release();
    return got;
  }

  // Owner: what a thief would get, but not run_next, which has the next turn.
  [[nodiscard]] loot split() noexcept {
    const owner_guard guard(lock_);
    loot got;
    take_half(got);
    return got;
  }

 private:
  // A ring of pointers; head and tail only grow, modulo 2^32.
  template <std::size_t Size>
  struct ring {
    index head{0};
    index tail{0};
    std::array<typename Atomics::template cell<T*>, Size> items{};

    std::uint32_t size() const noexcept {
      return tail.load(std::memory_order_relaxed) - head.load(std::memory_order_relaxed);
    }
    void push_back(T* item) noexcept {
      const std::uint32_t at = tail.load(std::memory_order_relaxed);
      items[at % Size] = item;
      tail.store(at + 1, std::memory_order_relaxed);
    }
    T* peek(std::uint32_t n) const noexcept {
      return n < size() ? items[(head.load(std::memory_order_relaxed) + n) % Size] : nullptr;
    }
    T* pop_front() noexcept {
      const std::uint32_t at = head.load(std::memory_order_relaxed);
      head.store(at + 1, std::memory_order_relaxed);
      return items[at % Size];
    }
    // The first comes out, and item goes in behind the last. Null, and nothing has changed, if there is none.
    T* rotate(T* item) noexcept {
      const std::uint32_t first = head.load(std::memory_order_relaxed);
      const std::uint32_t end = tail.load(std::memory_order_relaxed);
      if (first == end) return nullptr;
      head.store(first + 1, std::memory_order_relaxed);
      T* const out = items[first % Size];
      items[end % Size] = item;
      tail.store(end + 1, std::memory_order_relaxed);
      if (!out) __builtin_unreachable();
      return out;
    }
    T* pop_back() noexcept {
      const std::uint32_t at = tail.load(std::memory_order_relaxed) - 1;
      tail.store(at, std::memory_order_relaxed);
      return items[at % Size];
    }
  };

  T* after_slice(T* next) noexcept {
    T* first = ready_.size() != 0 ? ready_.pop_front() : fresh_.size() != 0 ? fresh_.pop_front() : nullptr;
    if (first) {
      queue_next(next);  // has room if first came from ready; else ready is empty
    } else {
      run_next_.store(nullptr, std::memory_order_relaxed);
    }
    return first ? first : next;
  }

  // From run_next to the end of ready. [MO-5] In this order, so that look() never says "empty" while next
  // waits: a machine that looks then would go to sleep.
  void queue_next(T* next) noexcept {
    ready_.push_back(next);
    run_next_.store(nullptr, std::memory_order_release);  // pairs with look()
  }

  void take_half(loot& got) noexcept {
    if (ready_.size() != 0) {
      take_half(ready_, got.items);
    } else if (fresh_.size() != 0) {
      take_half(fresh_, got.items);
      got.fresh = true;
    }
  }

  template <std::size_t Size>
  static void take_half(ring<Size>& from, chain<T>& to) noexcept {
    for (std::uint32_t n = from.size() - from.size() / 2; n != 0; --n) to.push_back(from.pop_front());
  }

  biased_lock<Atomics> lock_;
  typename Atomics::template atomic<T*> run_next_{nullptr};
  ring<Capacity> ready_;
  ring<FreshCapacity> fresh_;
};

}  // namespace goro::detail
