#include "support/process_state.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <goro/runtime.hpp>

#include "support/build.hpp"

namespace goro_test {

namespace {

std::size_t count_entries(const char* folder) {
  const std::filesystem::directory_iterator entries(folder);
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

}  // namespace

std::size_t count_descriptors() { return count_entries("/proc/self/fd"); }
std::size_t count_threads() { return count_entries("/proc/self/task"); }

std::size_t count_mappings() {
  std::ifstream maps("/proc/self/maps");
  return static_cast<std::size_t>(
      std::count(std::istreambuf_iterator<char>(maps), std::istreambuf_iterator<char>(), '\n'));
}

bool memory_is_ours() { return !k_sanitized && std::getenv("GORO_TEST_EMULATOR") == nullptr; }

std::size_t resident_kb() {
  std::ifstream statm("/proc/self/statm");
  std::size_t size = 0;
  std::size_t resident = 0;
  statm >> size >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) / 1024;
}

std::size_t page_table_kb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmPTE:")) return std::stoul(line.substr(line.find(':') + 1));
  }
  return 0;
}

process_state look_at_process() {
  return {goro::goroutine_count(), goro::stats().stacks_in_use, count_descriptors(), resident_kb()};
}

}  // namespace goro_test
