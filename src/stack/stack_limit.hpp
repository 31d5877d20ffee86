// How large a stack may become.
//
// One setting for all: GORO_STACK, or set_max_stack(); 1 GB unless set. So many at once have that size as 256
// GB of address space hold (256 of 1 GB), or 16 TB if it was set (250,000 of 64 MB); further ones 256 KB, or
// the setting if that is less. More large ones would make switching dearer: each has its own pages of page
// table, and a yield among a thousand goroutines takes 19 ns on stacks of 1 GB, 16 ns on 256 KB
// (docs/stacks.md). go_options asks for one goroutine. Sizes are rounded up to powers of two; reports name
// what was asked for.
//
// Where address space is short (ulimit -v, or a system that commits no more than it has) the setting begins
// at 1/64 of it, such stacks together take no more than a sixteenth, those of 256 KB no more than an eighth,
// and then there are some of 32 KB, so that with 8 GB a hundred thousand goroutines can be parked.
#pragma once

#include <atomic>
#include <cstddef>

#include "base/sanitizers.hpp"

namespace goro::detail {

class stack_pool;

inline constexpr std::size_t k_smallest_stack = std::size_t{32} << 10;  // only where address space is short
inline constexpr std::size_t k_smallest_wish = std::size_t{64} << 10;
inline constexpr std::size_t k_second_stack = std::size_t{256} << 10;
inline constexpr std::size_t k_largest_stack = std::size_t{1} << 40;
// The tools keep a shadow of each stack, which they clear when a goroutine begins: 1 GB would take a second.
inline constexpr std::size_t k_first_stack = k_sanitized ? k_second_stack : std::size_t{1} << 30;

// What those get who ask for nothing: of the first pool that has any. The last has no bound.
struct stack_choice {
  static constexpr std::size_t k_kinds = 3;
  std::atomic<stack_pool*> kinds[k_kinds]{};
  std::atomic<std::size_t> asked{0};  // in bytes, as it was said
};
extern constinit stack_choice g_stack_choice;

// Reads GORO_STACK and the limits of the system. Before the first goroutine.
void choose_stack_limit() noexcept;

// How much there is for the whole process; k_no_limit if there is no limit.
std::size_t stack_address_space() noexcept;

// How many free stacks a P keeps for itself at most.
std::size_t stack_hoard() noexcept;
// How many there may be besides those that were promised: what all others keep when one P has run out.
std::size_t most_hoarded() noexcept;

inline stack_pool* stack_kind(std::size_t i) noexcept {
  return g_stack_choice.kinds[i].load(std::memory_order_relaxed);
}

}  // namespace goro::detail
