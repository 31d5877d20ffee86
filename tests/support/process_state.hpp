// What this process holds, as the kernel and the runtime count it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace goro_test {

struct process_state {
  std::size_t goroutines = 0;
  std::uint64_t stacks = 0;
  std::size_t descriptors = 0;
  std::size_t resident_kb = 0;
};

process_state look_at_process();
std::size_t count_descriptors();
std::size_t count_threads();
std::size_t count_mappings();
std::size_t resident_kb();
std::size_t page_table_kb();

// False under a sanitizer, which keeps freed memory, and under an emulator, whose own memory is counted too.
bool memory_is_ours();

}  // namespace goro_test
