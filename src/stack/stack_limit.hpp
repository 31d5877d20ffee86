// How large a stack may become.
//
// One setting for all: GORO_STACK, or set_max_stack(); 1 GB unless set. As many stacks as 4 TB of address space
// hold have that size (4,096 of 1 GB, 16 million of 256 KB), further ones 256 KB, or the setting if that is
// less. go_options asks for one goroutine. Sizes are rounded up to powers of two; reports name what was asked
// for.
//
// Where address space is short (ulimit -v, or a system that commits no more than it has) the setting begins
// at 1/64 of it, and all first-choice stacks together take no more than a quarter.
#pragma once

#include <atomic>
#include <cstddef>

#include "base/sanitizers.hpp"

namespace goro::detail {

class stack_pool;

inline constexpr std::size_t k_smallest_stack = std::size_t{64} << 10;
inline constexpr std::size_t k_second_stack = std::size_t{256} << 10;
inline constexpr std::size_t k_largest_stack = std::size_t{1} << 40;
// The tools keep a shadow of each stack, which they clear when a goroutine begins: 1 GB would take a second.
inline constexpr std::size_t k_first_stack = k_sanitized ? k_second_stack : std::size_t{1} << 30;

struct stack_choice {
  std::atomic<stack_pool*> first{nullptr};
  std::atomic<stack_pool*> second{nullptr};
  std::atomic<std::size_t> asked{0};  // in bytes, as it was said
};
extern constinit stack_choice g_stack_choice;

// Reads GORO_STACK and the limits of the system. Before the first goroutine.
void choose_stack_limit() noexcept;

// From where those who ask for nothing get theirs.
inline stack_pool* first_choice() noexcept { return g_stack_choice.first.load(std::memory_order_relaxed); }
inline stack_pool* second_choice() noexcept { return g_stack_choice.second.load(std::memory_order_relaxed); }

}  // namespace goro::detail
