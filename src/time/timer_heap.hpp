// The timers of one P: a 4-ary heap ordered by due time.
//
// A timer is a node that its user owns, mostly on the waiter's stack. Anybody may fire the due timers of a
// heap: its P's machine between two goroutines, an idle machine, a machine that steals. A P that
// set_max_procs takes away keeps its heap; the others look after it. States of a node:
//   idle     not in a heap
//   armed    in a heap; guarded by the heap's lock
//   firing   taken out by someone who is about to call, or is calling, its function
//
// The order is that of the array alone, which has the due times beside the nodes: a node is mostly on the
// stack of a parked goroutine, in a page of its own, and to look into those of a million misses the caches
// and the TLB some forty times for each timer. Where it stands in the array is told only to a node that
// somebody may disarm. (A million sleepers took 3.4 s of CPU time, and take 2.9. Rejected: an entry for the
// sleeping goroutine itself, without a node. What is not touched when it fires is touched when it runs.)
//
// A timer may be disarmed while another thread, which has disarmed it before, arms it in another heap: `heap`
// is stored before `armed`, so who has read `armed` under a heap's lock, and then that this is the heap, has
// a node that stands there and stays.
//
// disarm() returns true if it took the node out of the heap: the function will not be called. Otherwise the
// function has been called or is being called; who must know that it has returned waits for `idle`
// (wait_idle), which the function stores as its last act on the node; a function that frees the node does not
// return to it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <goro/clock.hpp>
#include <goro/detail/lock.hpp>

#include "os/mapped_allocator.hpp"

namespace goro::detail {

class timer_heap;

struct timer_node {
  enum class state : std::uint8_t { idle, armed, firing };

  time_point when{};
  // Called without locks by whoever fires the timer, on a machine. Stores `idle` (finish()) or frees the
  // node.
  void (*fire)(timer_node& t) = nullptr;
  std::atomic<timer_heap*> heap{nullptr};  // where it was armed last
  std::size_t index = 0;                   // in the heap's array, if it may be disarmed
  bool may_disarm = true;                  // set before it is armed
  std::atomic<state> status{state::idle};

  // The last thing that `fire` does with the node. Release: pairs with wait_idle().
  void finish() noexcept { status.store(state::idle, std::memory_order_release); }
  void wait_idle() const noexcept;
};

// A timer with its channel (timers.cpp).
inline constexpr std::size_t k_channel_timer_bytes = 200;

class timer_heap {
 public:
  // Due time of the first timer, time_point::max() for none; a hint that may be read without the lock.
  time_point next_due() const noexcept {
    return time_point(clock::duration(next_due_.load(std::memory_order_relaxed)));
  }

  // Puts the node in; true if it is now the first to be due. Throws std::bad_alloc.
  bool arm(timer_node& t);

  // Takes the node out if it has not begun to fire.
  static bool disarm(timer_node& t) noexcept;

  // How many there are; a hint.
  std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }

  // Gives the memory of a heap that has become empty back; true if there was any to speak of.
  bool shrink() noexcept;

  // Fires what is due at `now`; returns how many. Calls note() before each.
  template <class Note>
  std::size_t fire_due(time_point now, Note note) {
    std::size_t fired = 0;
    while (timer_node* t = take_due(now)) {
      note();
      t->fire(*t);
      ++fired;
    }
    return fired;
  }
  std::size_t fire_due(time_point now) {
    return fire_due(now, [] {});
  }

 private:
  // What the array holds of a node.
  class entry {
   public:
    explicit entry(timer_node& t) noexcept
        : when_(t.when), bits_(reinterpret_cast<std::uintptr_t>(&t) | (t.may_disarm ? k_may_disarm : 0)) {}
    time_point when() const noexcept { return when_; }
    timer_node* node() const noexcept {
      // NOLINTNEXTLINE(performance-no-int-to-ptr): it shares its word with a mark
      return reinterpret_cast<timer_node*>(bits_ & ~k_may_disarm);
    }
    void stands_at(std::size_t i) const noexcept {
      if ((bits_ & k_may_disarm) != 0) node()->index = i;
    }

   private:
    static constexpr std::uintptr_t k_may_disarm = 1;
    time_point when_;
    std::uintptr_t bits_;
  };
  using array = std::vector<entry, mapped_allocator<entry>>;
  static constexpr std::size_t k_arity = 4;
  static constexpr std::size_t k_kept = 1024;  // room for so many is not given back

  // Takes one out that is due, and about to fire; null if there is none.
  timer_node* take_due(time_point now) noexcept;
  // Puts e where it belongs: at i, which is free, or on the way up, or down.
  void sift_up(std::size_t i, entry e) noexcept;
  void sift_down(std::size_t i, entry e) noexcept;
  void put(std::size_t i, entry e) noexcept;
  void remove(std::size_t i) noexcept;
  void publish() noexcept;

  // Its lock is mostly taken while others are held, at the first places: see lock::acquire().
  static constexpr std::size_t k_place = 7;

  lock guard_;
  array entries_;
  std::atomic<std::size_t> size_{0};  // of entries_, for a look without the lock
  std::atomic<bool> large_{false};    // has been, and entries_ still has that memory
  std::atomic<clock::rep> next_due_{time_point::max().time_since_epoch().count()};
};

}  // namespace goro::detail
