// Memory from the kernel, by the page.
//
// A first touch costs 1.4 us here, and 11 where the machine's host must find the memory first. To ask for
// pages in batches (MADV_POPULATE_WRITE) makes neither cheaper, and with two threads it costs half as much
// again, because it needs the lock of the whole address space, which a fault does not.
#pragma once

#include <cstddef>
#include <string>

namespace goro::detail {

inline constexpr std::size_t k_page = 4096;

// Address space to read and write, committed page by page at first touch. Null if there is none: errno says
// why.
std::byte* map_memory(std::size_t bytes) noexcept;
void unmap_memory(std::byte* first, std::size_t bytes) noexcept;

// The same for stacks: no huge pages, of which the first touch would commit 2 MB.
std::byte* map_stacks(std::size_t bytes) noexcept;

// The same address space again, as map_stacks() gives it: without memory, page tables and guards. If the
// kernel cannot, it stays as it is.
void map_stacks_anew(std::byte* first, std::size_t bytes) noexcept;

// Gives the memory of the whole pages in [first, first + bytes) back; they read as zeros.
void discard(std::byte* first, std::size_t bytes) noexcept;

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

// How many bytes of [bottom, top) hold memory, counted from the top down to the first page that does not.
std::size_t resident_from_top(const std::byte* bottom, const std::byte* top) noexcept;

// Does any page of [bottom, top), of the last 16, hold memory?
bool any_resident_near_top(const std::byte* bottom, const std::byte* top) noexcept;

// The most address space that the process may have: its own limit (ulimit -v), or what a system that commits
// no more memory than it has would give to all. k_no_limit if there is neither. `root` is what to take for
// "/".
inline constexpr std::size_t k_no_limit = static_cast<std::size_t>(-1);
std::size_t address_space_limit(const std::string& root = {});

}  // namespace goro::detail
