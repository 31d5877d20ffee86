// Where a wait stands in memory, for who looks at a parked goroutine from outside (diag/chan_waits.hpp).
#pragma once

#include <cstddef>

namespace goro::detail {

// Of a select: the wait, on the goroutine's stack, and its cases, which form a list.
struct select_layout {
  std::size_t wait_who;
  std::size_t wait_first;
  std::size_t wait_timed;
  std::size_t wait_size;
  std::size_t case_node;
  std::size_t case_core;
  std::size_t case_next;
};
const select_layout& layout_of_select() noexcept;

}  // namespace goro::detail
