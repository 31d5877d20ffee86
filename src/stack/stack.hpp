// The stacks of goroutines, as the scheduler sees them: one stack, and a P's own free ones.
//
// A stack is reserved address space; the kernel commits it page by page at first touch, so it "grows" without
// anybody's doing, never moves, and a goroutine that uses little costs one page. First-touch page faults are
// the dearest thing in the system (1.4 us and more each), which is why a goroutine gets its stack when it
// first runs, from the cache of its P, last in first out, and why a free stack keeps its pages until it has
// been idle for a while (shrink.hpp).
//
// Several kinds serve those who ask for nothing (stack_limit.hpp): the first has the full limit, 1 GB; when
// all of these are in use the others get 256 KB. Who asks for a size by go_options gets it from the pools
// directly.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/sanitizers.hpp"
#include "sched/chain.hpp"
#include "stack/stack_limit.hpp"

namespace goro::detail {

class stack_pool;

// [bottom, top) is usable, the guard lies below. The descriptor lives outside of the stack, so that a free
// stack is never touched.
struct stack_slot {
  std::byte* bottom = nullptr;
  std::byte* top = nullptr;
  stack_slot* sched_link = nullptr;
  stack_pool* pool = nullptr;
  std::atomic<std::size_t> limit{0};  // what its goroutine may use, as it was said
  [[no_unique_address]] sanitizer_stack sanitizer;

  std::size_t size() const noexcept { return static_cast<std::size_t>(top - bottom); }
};

// A P's own free stacks. Owner only, no lock.
class stack_cache {
 public:
  // A free stack of the kind that comes first. Fatal, in words, if there is no memory for any.
  stack_slot* get() noexcept {
    taken_.store(taken() + 1, std::memory_order_relaxed);
    stack_slot* s = first_.pop_front();
    return s && s->pool == stack_kind(0) ? s : get_otherwise(s);
  }
  // One of at least so many bytes. Fatal, in words, if there is no memory for it.
  stack_slot* get_sized(std::size_t bytes) noexcept;

  void put(stack_slot* s) noexcept {
    given_back_.store(given_back() + 1, std::memory_order_relaxed);
    if (s->pool != stack_kind(0)) return put_otherwise(s);
    first_.push_front(s);
    if (first_.size > most_) spill(first_, most_ / 2);
  }

  // Is there one that has pages?
  bool has_warm() const noexcept;

  // Counters for anybody to read; a stack may be given back to another cache than it came from.
  std::uint64_t taken() const noexcept { return taken_.load(std::memory_order_relaxed); }
  std::uint64_t given_back() const noexcept { return given_back_.load(std::memory_order_relaxed); }

  // Gives all of them to their pools; false if there was none.
  bool flush() noexcept;

 private:
  static constexpr std::size_t k_most_others = 64;

  stack_slot* get_otherwise(stack_slot* stale) noexcept;
  void put_otherwise(stack_slot* s) noexcept;
  static stack_slot* take_best(chain<stack_slot>& from) noexcept;
  static void spill(chain<stack_slot>& free, std::size_t kept) noexcept;

  std::size_t most_ = 2;  // two thirds of the hoard; the last third is what comes at once
  chain<stack_slot> first_;
  chain<stack_slot> others_;  // of the kinds after the first; judged when they are taken (is_best)
  chain<stack_slot> new_;     // of any kind, most likely without pages
  std::atomic<std::uint64_t> taken_{0};
  std::atomic<std::uint64_t> given_back_{0};
};

// One of at least so many bytes, from its pool; null if there is no memory for it.
stack_slot* take_stack(std::size_t bytes) noexcept;
void give_stack(stack_slot* s) noexcept;

// May a goroutine that asked for nothing have this stack? Not if there are better ones.
bool is_best(const stack_slot* s) noexcept;

}  // namespace goro::detail
