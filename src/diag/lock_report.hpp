// A cycle among mutexes, in words.
#pragma once

#include <string>

#include "diag/lock_graph.hpp"

namespace goro::detail {

// "goro: deadlock among mutexes: goroutine 7 "a" holds ...", without an end of line. Throws std::bad_alloc.
std::string in_words(const lock_cycle& cycle);

// Writes that to stderr, and the goroutines in it. By the party that closes the cycle.
void report(const lock_cycle& cycle) noexcept;

}  // namespace goro::detail
