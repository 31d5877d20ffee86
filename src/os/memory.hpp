// Memory from the kernel, by the page.
//
// On a virtual machine a page fault may cost ten times what the kernel's own work for the page does (12 us
// against 0.7 on the reference machine), and each system call has its price too. So what will be touched for
// sure is asked for in batches, with one call for many places.
#pragma once

#include <cstddef>

namespace goro::detail {

inline constexpr std::size_t k_page = 4096;

// Address space to read and write, committed page by page at first touch. Null if there is none: errno says
// why.
std::byte* map_memory(std::size_t bytes) noexcept;

// The same for stacks: no huge pages, of which the first touch would commit 2 MB.
std::byte* map_stacks(std::size_t bytes) noexcept;

// The same pages again, empty; false if the kernel has none.
bool map_anew(std::byte* first, std::size_t bytes) noexcept;

// The places first + i * stride for i in [0, count), each of `bytes`, whole pages.
struct strided_pages {
  std::byte* first;
  std::size_t bytes;
  std::size_t stride;
  std::size_t count;
};

// Makes the pages fault for ever without splitting the mapping; false if this kernel cannot (before
// Linux 6.13): then nothing is promised of any of them.
[[nodiscard]] bool install_guards(const strided_pages& pages) noexcept;

// The same by taking away the right to read and write, at the price of a mapping.
[[nodiscard]] bool protect(std::byte* first, std::size_t bytes) noexcept;

// Commits the pages, as far as the kernel likes to: a page that is not committed now is at its first touch.
void commit(const strided_pages& pages) noexcept;

}  // namespace goro::detail
