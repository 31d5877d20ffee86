// Goroutines in words, in Go's shape.
#pragma once

#include <string>

#include "sched/goroutine.hpp"

namespace goro::detail {

// "runnable", "running", or the wait reason.
std::string state_of(const goroutine& g, g_status status);

// "file:line (function)", or words that say that it is not known.
std::string place_of(const std::source_location& where);

// "goroutine N", with its name, if it has one, in quotes.
std::string label_of(const goroutine& g);

// "goroutine N [state]:" and "created at ...", a line each.
std::string describe(const goroutine& g, const std::string& state);

// All goroutines that are alive, with an empty line after each.
std::string describe_all();

}  // namespace goro::detail
