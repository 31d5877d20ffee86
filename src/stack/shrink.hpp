// Giving the memory of stacks back while the program runs; what the keeper does (sched/keeper.cpp).
#pragma once

#include <cstddef>

namespace goro::detail {

// Of free stacks that were not needed since the last call; how many.
std::size_t give_back_free_stacks() noexcept;

// The unused parts of the stacks of goroutines that are parked since the call before. False if there is
// nothing left to do until something runs.
bool trim_parked_stacks() noexcept;

}  // namespace goro::detail
