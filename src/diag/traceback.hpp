// A stack in words, in Go's shape: the function, and below it, indented, the place.
#pragma once

#include <string>

#include "diag/backtrace.hpp"

namespace goro::detail {

enum class trace_of {
  stack,      // somebody stands there
  exception,  // it was noted when something was thrown, or is that of std::terminate
};

// Without the frames of the runtime at either end. Empty if there are no others.
std::string in_words(const stack_trace& trace, trace_of what = trace_of::stack);

}  // namespace goro::detail
