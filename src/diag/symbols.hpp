// What stands at an address: functions, also those that were compiled into others, files and lines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace goro::detail {

struct raw_frame {
  const char* function = nullptr;  // as the linker or the debug information names it; null: unknown
  const char* file = nullptr;      // null: no debug information
  int line = 0;
  const char* module = nullptr;  // then: the program or library, if it is known, and where in it
  std::size_t offset = 0;
};

// The functions that `pc` lies in, innermost first. Neither allocates by malloc nor throws, so that also the
// report of an overflow can use it, although there it may wait for ever (stack/overflow.cpp).
using frame_visitor = void (*)(const raw_frame& frame, void* arg);
void for_each_frame(std::uintptr_t pc, frame_visitor visit, void* arg) noexcept;

// Of the scheduler, or of what stands under an operation: nobody wants to see that in a report.
bool is_runtime(const raw_frame& frame) noexcept;
// Of goro, of the standard library, or of what starts a thread: not what the program's author has written.
bool is_library(const raw_frame& frame) noexcept;
// Of what the compiler calls when something is thrown, or when it calls std::terminate.
bool is_thrower(const raw_frame& frame) noexcept;

// The name of a function or type as it stands in the source.
std::string demangled(const char* name);

}  // namespace goro::detail
