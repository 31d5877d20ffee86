// Guards: pages at the lower end of each stack that fault for ever.
//
// Installed into the page table (Linux 6.13), which costs no mapping; on older kernels by taking away the
// right to read and write, which splits a mapping for each stack. The kernel allows 65,530 mappings by
// default, so beyond a budget stacks have no guard, which is said once. GORO_DEBUG=mprotectguards=1 chooses
// the second way.
#pragma once

#include <cstddef>

#include "os/memory.hpp"

namespace goro::detail {

void install_stack_guards(const strided_pages& guards) noexcept;

// Has none of them had to be a mapping so far?
bool guards_are_free() noexcept;

// So many guards are about to be unmapped.
void remove_stack_guards(std::size_t count) noexcept;

}  // namespace goro::detail
