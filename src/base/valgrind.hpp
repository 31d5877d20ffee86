// Valgrind, which runs a program on a processor of its own, must be told of stacks. Without it a switch looks
// to memcheck like a function with large variables, or the end of one, and what lies between the two stacks,
// or in them, like memory that nobody may use. Where goro is compiled without valgrind's header (it is in
// Debian's package of that name) nothing is told.
#pragma once

#if __has_include(<valgrind/valgrind.h>)
#  include <valgrind/valgrind.h>
#endif

namespace goro::detail {

inline bool under_valgrind() noexcept {
#if defined(VALGRIND_STACK_REGISTER)
  return RUNNING_ON_VALGRIND != 0;
#else
  return false;
#endif
}

// From the first byte of a stack to the last. Once: it stays one, whoever uses it. Some instructions where
// valgrind does not run.
inline void valgrind_knows_stack([[maybe_unused]] const void* first,
                                 [[maybe_unused]] const void* last) noexcept {
#if defined(VALGRIND_STACK_REGISTER)
  static_cast<void>(VALGRIND_STACK_REGISTER(first, last));
#endif
}

}  // namespace goro::detail
