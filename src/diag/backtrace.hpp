// Where somebody is: the return addresses on a stack.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace goro::detail {

struct goroutine;

struct stack_trace {
  static constexpr std::size_t k_most = 64;  // innermost frames; a report of thousands helps nobody

  std::array<std::uintptr_t, k_most> pcs;  // addresses within the calls, not behind them
  std::size_t size = 0;
  bool elided = false;  // there are more

  bool add(std::uintptr_t pc) noexcept {
    if (size == k_most) {
      elided = true;
      return false;
    }
    pcs[size++] = pc;
    return true;
  }
};

// Of the caller.
void trace_caller(stack_trace& trace) noexcept;

// Those of the caller's frames that lie in (bottom, top]: a signal handler on a stack of its own wants to
// know what it has interrupted.
void trace_between(stack_trace& trace, std::uintptr_t bottom, std::uintptr_t top) noexcept;

// Of the context that a switch has saved at sp, on the stack below top. Nobody may resume it meanwhile.
void trace_saved(stack_trace& trace, void* sp, const void* top) noexcept;

}  // namespace goro::detail
