// The process as the kernel sees it: its threads, its mappings, and what memory they have.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace goro::detail {

// Two equal ones at different times, asleep: it has not run in between.
struct other_thread {
  pid_t number = 0;
  bool asleep = false;         // in the kernel; what follows is known then
  std::uint64_t switches = 0;  // how often it has left a core
  std::uintptr_t sp = 0;
  bool operator==(const other_thread&) const = default;
};

// All threads but the caller, by number. False if the kernel does not say.
bool other_threads(std::vector<other_thread>& threads);

struct mapping {
  std::uintptr_t first = 0;
  std::uintptr_t end = 0;
  bool shared = false;
  bool main_stack = false;
};

// Those that hold what somebody has written, or may. False if the kernel does not say.
bool own_mappings(std::vector<mapping>& mappings);

inline constexpr std::size_t k_word = sizeof(std::uintptr_t);

// Reads memory that may not be there.
class own_memory {
 public:
  own_memory() noexcept;
  ~own_memory();
  own_memory(const own_memory&) = delete;
  own_memory& operator=(const own_memory&) = delete;

  bool usable() const noexcept { return memory_ >= 0 && pages_ >= 0; }
  // How much from there on could be read.
  std::size_t read(std::uintptr_t from, void* to, std::size_t bytes) const noexcept;
  template <class T>
  bool read(std::uintptr_t from, T& to) const noexcept {
    return read(from, &to, sizeof to) == sizeof to;
  }

  // For `count` pages from there on: present[i] says whether the page holds something of this process's own;
  // in a shared mapping, something. False if the kernel does not say.
  static constexpr std::size_t k_most_pages = 512;
  bool present(const mapping& m, std::uintptr_t from, std::size_t count, bool* present) const noexcept;

 private:
  int memory_;
  int pages_;
};

}  // namespace goro::detail
