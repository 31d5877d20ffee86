// d8 to d15 are left out: to gdb they are parts of wider registers, whose other parts are not saved. Nothing
// in tests/gdb runs on aarch64: that backtraces are right has been seen by hand, under qemu-user and
// gdb-multiarch.
#include "arch/saved_frame.hpp"

namespace goro::detail {

constinit const saved_frame k_saved_frame = {.stack_pointer = "sp",
                                             .program_counter = "pc",
                                             .size = 176,
                                             .count = 13,
                                             .registers = {{"x19", 64},
                                                           {"x20", 72},
                                                           {"x21", 80},
                                                           {"x22", 88},
                                                           {"x23", 96},
                                                           {"x24", 104},
                                                           {"x25", 112},
                                                           {"x26", 120},
                                                           {"x27", 128},
                                                           {"x28", 136},
                                                           {"x29", 144},
                                                           {"x30", 152},
                                                           {"pc", 152}}};

}  // namespace goro::detail
