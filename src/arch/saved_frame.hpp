// What goro_arch_switch has left on the stack of who is switched away from, for debuggers
// (diag/gdb_layout.hpp): one table per architecture, beside its switch.S, whose essay draws the same frame. A
// debugger that restores these registers stands behind the call of goro_arch_switch (x86-64: the others that
// a caller would get back from it are on its own frame). The table is data that a script reads from the
// memory of a process or from a core file, hence names in place and integers of one width.
#pragma once

#include <cstdint>

namespace goro::detail {

struct saved_register {
  char name[8];          // as gdb calls it
  std::uint64_t offset;  // from the saved stack pointer
};

struct saved_frame {
  char stack_pointer[8];  // the name of the register that is saved in the descriptor
  char program_counter[8];
  std::uint64_t size;  // the caller's stack pointer is so much above the saved one
  std::uint64_t count;
  saved_register registers[16];  // the program counter among them
};

extern const saved_frame k_saved_frame;

}  // namespace goro::detail
