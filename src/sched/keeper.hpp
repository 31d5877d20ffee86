// The keeper: the thread that gives memory back.
#pragma once

#include <atomic>
#include <cstdint>

namespace goro::detail {

// Before the first machine.
void start_keeper() noexcept;

// A P is taken into use: there may be something to do soon. The scheduler's lock is held.
void rouse_keeper() noexcept;

// Who holds a P compares this with what it saw last, and if it differs gives the P's caches to the pools.
std::uint32_t flush_round() noexcept;

}  // namespace goro::detail
