// The stacks of goroutines.
//
// First form: slots of 260 KB of reserved address space, of which the lowest 16 KB are a guard. The kernel
// commits memory page by page at first touch, so a goroutine that uses little costs one page. Slots are
// carved from large mappings and are never unmapped; a free slot keeps its touched pages for the next
// goroutine. First-touch page faults are the dearest thing in the system (3 to 12 us, on different machines),
// which is why a goroutine gets its stack when it first runs, from a small cache of its P, last in first out,
// and why new slots are made in batches, with their first pages.
//
// Callers know only stack_slot and the pool's get and put: classes of several sizes, limits and shrinking go
// behind this interface.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/sanitizers.hpp"
#include "os/memory.hpp"
#include "sched/chain.hpp"

namespace goro::detail {

inline constexpr std::size_t k_stack_guard = 4 * k_page;
// 256 KB and one page: with a distance of a power of two the first pages of all stacks would fall on the same
// few sets of the TLB, and each switch among a thousand goroutines would miss it (57 ns for a yield instead
// of 20).
inline constexpr std::size_t k_stack_slot = 65 * k_page;

// One stack: [bottom, top) is usable, the guard lies below. The descriptor lives outside of the stack, so
// that a free stack is never touched.
struct stack_slot {
  std::byte* bottom = nullptr;
  std::byte* top = nullptr;
  stack_slot* sched_link = nullptr;
  sanitizer_stack sanitizer;

  std::size_t size() const noexcept { return static_cast<std::size_t>(top - bottom); }
};

// A P's own free stacks. Owner only, no lock.
class stack_cache {
 public:
  // A free stack. Fatal, in words, if the system has no memory for one.
  stack_slot* get() noexcept {
    taken_.store(taken() + 1, std::memory_order_relaxed);
    stack_slot* s = free_.pop_front();
    return s ? s : refill();
  }
  void put(stack_slot* s) noexcept {
    given_back_.store(given_back() + 1, std::memory_order_relaxed);
    free_.push_front(s);
    if (free_.size > k_most) spill();
  }
  // Counters for anybody to read; a stack may be given back to another cache than it came from.
  std::uint64_t taken() const noexcept { return taken_.load(std::memory_order_relaxed); }
  std::uint64_t given_back() const noexcept { return given_back_.load(std::memory_order_relaxed); }

  // Gives all of them to the global pool.
  void flush() noexcept;

 private:
  static constexpr std::size_t k_most = 64;
  static constexpr std::size_t k_batch = 32;

  stack_slot* refill() noexcept;
  void spill() noexcept;

  chain<stack_slot> free_;
  std::atomic<std::uint64_t> taken_{0};
  std::atomic<std::uint64_t> given_back_{0};
};

struct stack_totals {
  std::size_t made = 0;
  std::size_t pooled = 0;  // free in the global pool
};
stack_totals stack_pool_totals() noexcept;

}  // namespace goro::detail
