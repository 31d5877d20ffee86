#include "stack/stack.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <new>

#include <goro/detail/lock.hpp>

#include "diag/fatal.hpp"

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

// Slots are made in batches that grow up to this: with one system call for the guards of all and one for
// their first pages a stack costs 1.3 us, one by one 14. The price is 31 pages that may never be used.
constexpr std::size_t k_largest_batch = 32;

struct pool {
  lock guard;
  chain<stack_slot> free;
  std::byte* arena = nullptr;  // the rest of the newest mapping
  std::size_t left = 0;        // slots in it
  std::size_t made = 0;
  std::size_t next_batch = 1;
};
constinit pool g_pool;

// Used only where guards take mappings.
struct mapping_budget {
  std::atomic<bool> in_force{false};
  std::atomic<std::size_t> taken{0};
  std::atomic<bool> warned{false};
};
constinit mapping_budget g_budget;

void protect_within_budget(const strided_pages& guards) noexcept {
  for (std::size_t i = 0; i != guards.count; ++i) {
    if (g_budget.taken.fetch_add(1, std::memory_order_relaxed) < k_mprotect_budget &&
        protect(guards.first + i * guards.stride, guards.bytes)) {
      continue;
    }
    if (g_budget.warned.exchange(true, std::memory_order_relaxed)) return;
    write_stderr("goro: too many stacks for this kernel's mapping limit: further stacks have no guard\n");
  }
}

// Neighbouring slots of one mapping that nobody has used yet.
struct raw_slots {
  std::byte* base = nullptr;
  std::size_t count = 0;
  std::size_t number = 0;  // of the first, among all slots
};

// The next ones; none if there is no address space. The pool's lock is held.
raw_slots carve_slots() noexcept {
  if (g_pool.left == 0) {
    g_pool.arena = map_stacks(k_slots_per_arena * k_stack_slot);
    if (!g_pool.arena) return {};
    g_pool.left = k_slots_per_arena;
  }
  const std::size_t n = std::min(g_pool.next_batch, g_pool.left);
  const raw_slots raw{.base = g_pool.arena, .count = n, .number = g_pool.made};
  g_pool.arena += n * k_stack_slot;
  g_pool.left -= n;
  g_pool.made += n;
  g_pool.next_batch = std::min(2 * g_pool.next_batch, k_largest_batch);
  return raw;
}

void install_guards_of(const raw_slots& raw) noexcept {
  const strided_pages guards{
      .first = raw.base, .bytes = k_stack_guard, .stride = k_stack_slot, .count = raw.count};
  if (!g_budget.in_force.load(std::memory_order_relaxed)) {
    if (install_guards(guards)) return;
    g_budget.in_force.store(true, std::memory_order_relaxed);
  }
  protect_within_budget(guards);
}

// Makes stacks of them; none if there is no memory for their descriptors.
chain<stack_slot> furnish(const raw_slots& raw) noexcept {
  chain<stack_slot> slots;
  auto* const descriptors = new (std::nothrow) stack_slot[raw.count];
  if (!descriptors) return slots;
  install_guards_of(raw);
  std::byte* const first_page = raw.base + k_stack_slot - k_page;
  commit({.first = first_page, .bytes = k_page, .stride = k_stack_slot, .count = raw.count});
  for (std::size_t i = 0; i != raw.count; ++i) {
    stack_slot& s = descriptors[i];
    std::byte* const base = raw.base + i * k_stack_slot;
    s.bottom = base + k_stack_guard;
    s.top = base + k_stack_slot - ((raw.number + i) % k_colours) * k_line;
    slots.push_back(&s);
  }
  return slots;
}

}  // namespace

stack_slot* stack_cache::refill() noexcept {
  raw_slots raw;
  {
    const lock_guard guard(g_pool.guard);
    while (free_.size < k_batch && g_pool.free.first) free_.push_back(g_pool.free.pop_front());
    if (stack_slot* s = free_.pop_front()) return s;
    raw = carve_slots();
  }
  if (raw.count != 0) free_ = furnish(raw);
  stack_slot* s = free_.pop_front();
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
