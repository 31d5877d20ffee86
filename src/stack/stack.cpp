#include "stack/stack.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <new>

#include <goro/detail/lock.hpp>

#include "diag/fatal.hpp"

#ifndef MADV_GUARD_INSTALL
#  define MADV_GUARD_INSTALL 102  // Linux 6.13
#endif

namespace goro::detail {

namespace {

// How many slots one mapping holds: about 16 MB of address space.
constexpr std::size_t k_slots_per_arena = 64;

// With mprotect each guard splits a mapping; the kernel allows 65,530 of them by default. Beyond this budget
// stacks have no guard, which is said once.
constexpr std::size_t k_mprotect_budget = 24'000;

// Stacks start at different lines of their first page (colours). Slots are a power of two apart: without this
// the same frames of a thousand goroutines would share 1/64 of the cache. Within the first page, so that a
// shallow goroutine still touches one page only.
constexpr std::size_t k_colours = 24;
constexpr std::size_t k_line = 64;

struct pool {
  lock guard;
  chain<stack_slot> free;
  std::byte* arena = nullptr;  // the rest of the newest mapping
  std::size_t left = 0;        // slots in it
  std::size_t made = 0;
  bool guards_by_mprotect = false;
  bool warned = false;
};
constinit pool g_pool;

std::byte* map_arena() noexcept {
  const std::size_t bytes = k_slots_per_arena * k_stack_slot;
  void* p = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (p == MAP_FAILED) return nullptr;
  ::madvise(p, bytes, MADV_NOHUGEPAGE);  // a huge page would commit 2 MB at the first touch
  return static_cast<std::byte*>(p);
}

void install_guard(std::byte* slot) noexcept {
  if (!g_pool.guards_by_mprotect) {
    if (::madvise(slot, k_stack_guard, MADV_GUARD_INSTALL) == 0) return;
    g_pool.guards_by_mprotect = true;
  }
  if (g_pool.made < k_mprotect_budget && ::mprotect(slot, k_stack_guard, PROT_NONE) == 0) return;
  if (!g_pool.warned) {
    g_pool.warned = true;
    write_stderr("goro: too many stacks for this kernel's mapping limit: further stacks have no guard\n");
  }
}

// Makes one new slot. The pool's lock is held. Null if there is no address space.
stack_slot* make_slot() noexcept {
  if (g_pool.left == 0) {
    g_pool.arena = map_arena();
    if (!g_pool.arena) return nullptr;
    g_pool.left = k_slots_per_arena;
  }
  std::byte* base = g_pool.arena;
  auto* s = new (std::nothrow) stack_slot;
  if (!s) return nullptr;
  g_pool.arena += k_stack_slot;
  --g_pool.left;
  install_guard(base);
  s->bottom = base + k_stack_guard;
  s->top = base + k_stack_slot - (g_pool.made % k_colours) * k_line;
  ++g_pool.made;
  return s;
}

}  // namespace

stack_slot* stack_cache::refill() noexcept {
  const lock_guard guard(g_pool.guard);
  while (free_.size < k_batch && g_pool.free.first) free_.push_back(g_pool.free.pop_front());
  if (stack_slot* s = free_.pop_front()) return s;
  stack_slot* s = make_slot();
  if (!s) fatal_errno("cannot get memory for a goroutine's stack", errno);
  return s;
}

void stack_cache::spill() noexcept {
  chain<stack_slot> keep;  // the most recently used ones
  while (keep.size < k_batch) keep.push_back(free_.pop_front());
  flush();
  free_ = keep;
}

void stack_cache::flush() noexcept {
  const lock_guard guard(g_pool.guard);
  g_pool.free.append(free_);
  free_ = {};
}

stack_totals stack_pool_totals() noexcept {
  const lock_guard guard(g_pool.guard);
  return {.made = g_pool.made, .pooled = g_pool.free.size};
}

}  // namespace goro::detail
