// On which channels a parked goroutine waits. A wait says so nowhere: the goroutine's node stands in the
// channel's queue, and that is enough for those who wake it.
//
// So it is put together from both ends, by who looks from outside while nothing moves. On the goroutine's
// stack every word that is its own descriptor may be part of a node, or of a select's wait; every word there,
// or among its captures, may be a channel. A channel whose only waiter is that node, and a node that says
// that it is queued for that goroutine, are no accident: who leaves a queue is taken out of the channel and
// marked under its lock, so both are true only while it waits. What is not found by this (several wait for
// the same channel, the channel is nowhere on the stack) counts as not known.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <goro/detail/chan_core.hpp>

#include "os/own_memory.hpp"
#include "sched/goroutine.hpp"

namespace goro::detail {

struct chan_waits {
  static constexpr std::size_t k_most = 16;

  // What only the goroutine itself can get at: its stack from the first word behind what the switch has
  // saved, and its captures, if they are in the descriptor.
  std::uintptr_t stack_first = 0;
  std::uintptr_t stack_end = 0;
  std::uintptr_t captures_first = 0;
  std::uintptr_t captures_end = 0;

  std::array<std::uintptr_t, k_most> cores{};
  std::size_t count = 0;
};

// A copy of a stack.
struct stack_words {
  static constexpr std::size_t k_most = 8192;
  std::array<std::uintptr_t, k_most> words;
};

// False if it is not known, or if somebody holds more handles than there are words on the goroutine's side.
// It waits in a receive, a send or a select, without a deadline.
bool find_chan_waits(const goroutine& g, const own_memory& memory, stack_words& scratch,
                     chan_waits& found) noexcept;

}  // namespace goro::detail
