#include "arch/saved_frame.hpp"

namespace goro::detail {

constinit const saved_frame k_saved_frame = {.stack_pointer = "rsp",
                                             .program_counter = "rip",
                                             .size = 24,
                                             .count = 2,
                                             .registers = {{"rbp", 8}, {"rip", 16}}};

}  // namespace goro::detail
