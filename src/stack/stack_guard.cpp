#include "stack/stack_guard.hpp"

#include <atomic>

#include "diag/debug_env.hpp"
#include "diag/fatal.hpp"

namespace goro::detail {

namespace {

// Each takes two mappings. What the program itself maps needs room, too.
constexpr std::ptrdiff_t k_mprotect_budget = 24'000;

// Used only where guards take mappings.
struct mapping_budget {
  std::atomic<bool> in_force{false};
  std::atomic<std::ptrdiff_t> taken{0};  // includes those that found no room: they are given back alike
  std::atomic<bool> warned{false};
};
constinit mapping_budget g_budget;

void protect_within_budget(const strided_pages& guards) noexcept {
  for (std::size_t i = 0; i != guards.count; ++i) {
    if (g_budget.taken.fetch_add(1, std::memory_order_relaxed) < k_mprotect_budget &&
        protect(guards.first + i * guards.stride, guards.bytes)) {
      continue;
    }
    if (g_budget.warned.exchange(true, std::memory_order_relaxed)) continue;
    write_stderr("goro: too many stacks for this kernel's mapping limit: further stacks have no guard\n");
  }
}

}  // namespace

void install_stack_guards(const strided_pages& guards) noexcept {
  if (!g_budget.in_force.load(std::memory_order_relaxed)) {
    if (!debug().mprotect_guards && install_guards(guards)) return;
    g_budget.in_force.store(true, std::memory_order_relaxed);
  }
  protect_within_budget(guards);
}

bool guards_are_free() noexcept { return !g_budget.in_force.load(std::memory_order_relaxed); }

void remove_stack_guards(std::size_t count) noexcept {
  if (!g_budget.in_force.load(std::memory_order_relaxed)) return;
  g_budget.taken.fetch_sub(static_cast<std::ptrdiff_t>(count), std::memory_order_relaxed);
}

}  // namespace goro::detail
