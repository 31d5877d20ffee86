#include "os/memory.hpp"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <string>

#include "base/valgrind.hpp"

#ifndef MADV_GUARD_INSTALL
#  define MADV_GUARD_INSTALL 102  // Linux 6.13
#endif

namespace goro::detail {

namespace {

constexpr int k_self = -10'000;  // PIDFD_SELF, Linux 6.14

// One piece of advice for many places. False if the kernel did not take it for all of them.
bool advise(const strided_pages& pages, int advice) noexcept {
  if (under_valgrind()) return false;  // which does not know the call, and says so each time
  constexpr std::size_t k_most = 64;
  std::array<iovec, k_most> places;
  for (std::size_t done = 0; done != pages.count;) {
    const std::size_t n = std::min(k_most, pages.count - done);
    for (std::size_t i = 0; i != n; ++i) {
      places[i] = {.iov_base = pages.first + (done + i) * pages.stride, .iov_len = pages.bytes};
    }
    const long advised = ::syscall(SYS_process_madvise, k_self, places.data(), n, advice, 0U);
    if (advised != static_cast<long>(n * pages.bytes)) return false;
    done += n;
  }
  return true;
}

bool advise_one_by_one(const strided_pages& pages, int advice) noexcept {
  for (std::size_t i = 0; i != pages.count; ++i) {
    if (::madvise(pages.first + i * pages.stride, pages.bytes, advice) != 0) return false;
  }
  return true;
}

std::byte* map(std::size_t bytes, int flags) noexcept {
  void* p = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  return p == MAP_FAILED ? nullptr : static_cast<std::byte*>(p);
}

}  // namespace

std::byte* map_memory(std::size_t bytes) noexcept { return map(bytes, 0); }

void unmap_memory(std::byte* first, std::size_t bytes) noexcept { ::munmap(first, bytes); }

std::byte* map_stacks(std::size_t bytes) noexcept {
  std::byte* p = map(bytes, MAP_NORESERVE | MAP_STACK);
  if (p) ::madvise(p, bytes, MADV_NOHUGEPAGE);
  return p;
}

bool map_anew(std::byte* first, std::size_t bytes) noexcept {
  const std::size_t pages = (bytes + k_page - 1) / k_page;
  return ::mmap(first, pages * k_page, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK | MAP_FIXED, -1, 0) != MAP_FAILED;
}

bool install_guards(const strided_pages& pages) noexcept {
  // To install a guard twice does no harm.
  return advise(pages, MADV_GUARD_INSTALL) || advise_one_by_one(pages, MADV_GUARD_INSTALL);
}

bool protect(std::byte* first, std::size_t bytes) noexcept {
  return ::mprotect(first, bytes, PROT_NONE) == 0;
}

void map_stacks_anew(std::byte* first, std::size_t bytes) noexcept {
  if (map_anew(first, bytes)) ::madvise(first, bytes, MADV_NOHUGEPAGE);
}

void discard(std::byte* first, std::size_t bytes) noexcept {
  const auto begin = (reinterpret_cast<std::uintptr_t>(first) + k_page - 1) / k_page * k_page;
  const auto end = (reinterpret_cast<std::uintptr_t>(first) + bytes) / k_page * k_page;
  if (begin < end)
    ::madvise(first + (begin - reinterpret_cast<std::uintptr_t>(first)), end - begin, MADV_DONTNEED);
}

namespace {

constexpr std::size_t k_at_once = 16;  // pages for which the kernel is asked

}  // namespace

bool any_resident_near_top(const std::byte* bottom, const std::byte* top) noexcept {
  unsigned char resident[k_at_once];
  const std::size_t n = std::min(k_at_once, static_cast<std::size_t>(top - bottom) / k_page);
  if (n == 0 || ::mincore(const_cast<std::byte*>(top) - n * k_page, n * k_page, resident) != 0) return n != 0;
  return std::any_of(resident, resident + n, [](unsigned char page) { return (page & 1) != 0; });
}

std::size_t resident_from_top(const std::byte* bottom, const std::byte* top) noexcept {
  unsigned char resident[k_at_once];
  const std::size_t pages = (static_cast<std::size_t>(top - bottom) + k_page - 1) / k_page;
  for (std::size_t end = pages; end != 0;) {
    const std::size_t n = std::min(k_at_once, end);
    if (::mincore(const_cast<std::byte*>(bottom) + (end - n) * k_page, n * k_page, resident) != 0) return 0;
    for (std::size_t i = n; i != 0; --i, --end) {
      if ((resident[i - 1] & 1) == 0) return (pages - end) * k_page;
    }
  }
  return pages * k_page;
}

std::size_t address_space_limit(const std::string& root) {
  std::size_t limit = k_no_limit;
  rlimit own{};
  if (::getrlimit(RLIMIT_AS, &own) == 0 && own.rlim_cur != RLIM_INFINITY) limit = own.rlim_cur;
  int mode = 0;
  std::ifstream(root + "/proc/sys/vm/overcommit_memory") >> mode;
  if (mode != 2) return limit;
  std::ifstream meminfo(root + "/proc/meminfo");
  std::string name;
  std::string rest;
  for (std::size_t kb = 0; meminfo >> name >> kb; std::getline(meminfo, rest)) {
    if (name == "CommitLimit:") return std::min(limit, kb << 10);
  }
  return limit;
}

}  // namespace goro::detail
