#include "arch/saved_frame.hpp"

namespace goro::detail {

constinit const saved_frame k_saved_frame = {
    .stack_pointer = "rsp",
    .program_counter = "rip",
    .size = 64,
    .count = 7,
    .registers = {{"r15", 8}, {"r14", 16}, {"r13", 24}, {"r12", 32}, {"rbx", 40}, {"rbp", 48}, {"rip", 56}}};

}  // namespace goro::detail
