// All stacks of one size.
//
// Address space is taken in regions, each twice as large as the one before, so that a million stacks are a
// few mappings: a mapping for every 64 stacks, made while others fault, costs 1.3 us a stack with two threads
// (the lock of the address space), a single one nothing. Slots lie side by side, each with its guard at its
// lower end. The distance is an odd number of pages: with a power of two the top pages of all stacks would
// fall on the same few sets of the TLB, and each switch among a thousand goroutines would miss it (57 ns for
// a yield instead of 20). A slot's guard is next to its neighbour's top page, so the two share a page of page
// table.
//
// A slot is one of
//   raw     never used, or given back with its whole group: no memory, no guard, no descriptor
//   free    has a descriptor and a guard, and mostly pages; in the pool's list, or in a P's cache
//   in use
//   cold    free, and its pages are given back; in a list of its own
// A group is some neighbouring slots: what is given back to the kernel at once, page tables and descriptors
// included. Groups of one region have their descriptors side by side, in the same order.
//
// Everything is guarded by the pool's lock, except `free_count_` and `room_`, which are hints, the list of
// regions, which only grows, the marks of groups that are being given back, which are give_back()'s own, and
// the system calls, which are made without it by whoever has taken the slots out.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <goro/detail/lock.hpp>

#include "os/memory.hpp"
#include "sched/chain.hpp"
#include "sched/idle_chain.hpp"
#include "stack/stack.hpp"

namespace goro::detail {

struct stack_group {
  stack_group* next_raw = nullptr;
  std::uint32_t cold = 0;  // how many of its slots are
  bool released = false;   // all are, and are about to be raw
};

struct stack_totals {
  std::uint64_t made = 0;   // slots that are not raw
  std::uint64_t bytes = 0;  // of address space in them
};

class stack_pool {
 public:
  constexpr stack_pool() noexcept = default;
  stack_pool(const stack_pool&) = delete;
  stack_pool& operator=(const stack_pool&) = delete;

  std::size_t size() const noexcept;  // of a stack
  std::size_t room() const noexcept;  // that it really has: see stack_pool.cpp
  std::size_t guard() const noexcept;

  // How much address space may be taken by bounded calls of get().
  void set_bound(std::size_t bytes) noexcept;
  // In stacks; those that Ps keep for themselves do not count.
  std::size_t bound() const noexcept { return bound_.load(std::memory_order_relaxed); }

  std::size_t most() const noexcept;  // all together

  // Moves up to n free stacks to an empty list, or makes new ones; false if there is no memory, or if
  // there are as many as the bound allows (`bounded`).
  bool get(chain<stack_slot>& to, std::size_t n, bool bounded) noexcept;
  void put(chain<stack_slot> slots) noexcept;

  // A hint: would get(bounded) find one?
  bool has_any() const noexcept {
    return free_count_.load(std::memory_order_relaxed) != 0 || room_.load(std::memory_order_relaxed);
  }

  // Gives back the memory of free stacks that nobody has needed since the last call; how many. Of free ones
  // that are needed now and then the parts that few goroutines reach. By one thread at a time.
  std::size_t give_back() noexcept;

  stack_totals totals() noexcept;

  // Calls visit(first, bytes) for the address space that it has taken.
  void for_each_region(void (*visit)(const std::byte* first, std::size_t bytes, void* arg),
                       void* arg) const noexcept;

 private:
  struct region;

  // Neighbouring raw slots.
  struct raw_slots {
    std::byte* base = nullptr;
    stack_slot* slots = nullptr;
    std::size_t count = 0;
  };

  std::size_t distance() const noexcept { return room() + guard(); }
  std::size_t group_slots() const noexcept;
  std::size_t descriptor_bytes() const noexcept;  // of a group
  region* newest_region() const noexcept {
    return regions_.load(std::memory_order_acquire);  // pairs with add_region()
  }
  raw_slots carve(bool bounded) noexcept;
  bool next_group() noexcept;
  bool add_region() noexcept;
  bool get_cold(chain<stack_slot>& to, std::size_t most) noexcept;
  void trim_some() noexcept;
  void retry_exhausted() noexcept;
  void release_groups() noexcept;
  void release_run(region* r, std::size_t first, std::size_t count) noexcept;
  stack_group* group_of(const stack_slot* s) const noexcept;
  raw_slots slots_of(const stack_group* g) const noexcept;
  void furnish(const raw_slots& raw, chain<stack_slot>& to) noexcept;
  bool has_room() const noexcept;
  void note_free() noexcept;

  lock guard_;
  idle_chain<stack_slot> free_;
  chain<stack_slot> cold_;
  stack_group* raw_groups_ = nullptr;
  raw_slots current_;                      // the rest of the group that is being carved
  std::atomic<region*> regions_{nullptr};  // never shrinks: who gives back reads it without the lock
  std::size_t made_ = 0;
  std::size_t next_batch_ = 1;
  bool exhausted_ = false;  // there was no address space for more
  std::atomic<std::size_t> free_count_{0};
  std::atomic<bool> room_{true};
  std::atomic<std::size_t> bound_{k_no_limit};
};

// The pool of the smallest size that holds so many bytes; null if none does.
stack_pool* pool_for(std::size_t bytes) noexcept;

// Calls visit(pool) for each.
void for_each_pool(void (*visit)(stack_pool& pool, void* arg), void* arg) noexcept;

}  // namespace goro::detail
