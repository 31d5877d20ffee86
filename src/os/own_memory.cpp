#include "os/own_memory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <string_view>

#include "os/memory.hpp"

namespace goro::detail {

namespace {

bool read_file(const char* path, std::string& text) {
  text.clear();
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  std::array<char, 4096> part;
  ssize_t n = 0;
  while ((n = ::read(fd, part.data(), part.size())) > 0)
    text.append(part.data(), static_cast<std::size_t>(n));
  ::close(fd);
  return n == 0;
}

// The number behind a word at the beginning of a line.
bool number_after(std::string_view text, std::string_view word, std::uint64_t& value) noexcept {
  const std::size_t at = text.find(word);
  if (at == text.npos) return false;
  const char* first = text.data() + at + word.size();
  const char* const end = text.data() + text.size();
  while (first != end && (*first == ' ' || *first == '\t')) ++first;
  return std::from_chars(first, end, value).ec == std::errc{};
}

// "NUMBER ARGUMENTS... 0xSP 0xPC", or "running".
bool stack_pointer(std::string_view line, std::uintptr_t& sp) noexcept {
  const std::size_t pc = line.rfind(" 0x");
  if (pc == line.npos || pc == 0) return false;
  const std::size_t at = line.rfind(" 0x", pc - 1);
  if (at == line.npos) return false;
  return std::from_chars(line.data() + at + 3, line.data() + pc, sp, 16).ec == std::errc{};
}

bool is_asleep(other_thread& t) {
  char path[64];
  std::string text;
  std::snprintf(path, sizeof path, "/proc/self/task/%d/status", t.number);
  std::uint64_t voluntary = 0;
  std::uint64_t others = 0;
  if (!read_file(path, text) || text.find("\nState:\tS") == text.npos ||
      !number_after(text, "\nvoluntary_ctxt_switches:", voluntary) ||
      !number_after(text, "\nnonvoluntary_ctxt_switches:", others))
    return false;
  t.switches = voluntary + others;
  std::snprintf(path, sizeof path, "/proc/self/task/%d/syscall", t.number);
  return read_file(path, text) && stack_pointer(text, t.sp);
}

}  // namespace

bool other_threads(std::vector<other_thread>& threads) {
  threads.clear();
  DIR* d = ::opendir("/proc/self/task");
  if (!d) return false;
  const pid_t self = ::gettid();
  while (const dirent* e = ::readdir(d)) {
    const std::string_view name = e->d_name;
    pid_t number = 0;
    const bool is_number = std::from_chars(name.begin(), name.end(), number).ec == std::errc{};
    if (is_number && number != self) threads.push_back({.number = number});
  }
  ::closedir(d);
  std::sort(threads.begin(), threads.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
  for (other_thread& t : threads) t.asleep = is_asleep(t);
  return true;
}

// "55d0-55e0 rw-p 00000000 00:00 0    [heap]"
bool own_mappings(std::vector<mapping>& mappings) {
  mappings.clear();
  std::string text;
  if (!read_file("/proc/self/maps", text)) return false;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    mapping m;
    const char* const end = line.end();
    const auto first = std::from_chars(line.begin(), end, m.first, 16);
    if (first.ec != std::errc{} || first.ptr == end) return false;
    const auto last = std::from_chars(first.ptr + 1, end, m.end, 16);
    if (last.ec != std::errc{} || end - last.ptr < 5) return false;
    const std::string_view rights(last.ptr + 1, 4);
    m.shared = rights[3] == 's';
    m.main_stack = line.ends_with("[stack]");
    const bool kernels = line.ends_with("[vvar]") || line.ends_with("[vvar_vclock]") ||
                         line.ends_with("[vdso]") || line.ends_with("[vsyscall]");
    if (!kernels && rights.substr(0, 2) != "--") mappings.push_back(m);
  }
  return true;
}

own_memory::own_memory() noexcept
    : memory_(::open("/proc/self/mem", O_RDONLY | O_CLOEXEC)),
      pages_(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)) {}

own_memory::~own_memory() {
  if (memory_ >= 0) ::close(memory_);
  if (pages_ >= 0) ::close(pages_);
}

std::size_t own_memory::read(std::uintptr_t from, void* to, std::size_t bytes) const noexcept {
  const ssize_t n = ::pread(memory_, to, bytes, static_cast<off_t>(from));
  return n > 0 ? static_cast<std::size_t>(n) : 0;
}

bool own_memory::present(const mapping& m, std::uintptr_t from, std::size_t count,
                         bool* present) const noexcept {
  constexpr std::uint64_t k_in_memory = std::uint64_t{1} << 63;
  constexpr std::uint64_t k_swapped = std::uint64_t{1} << 62;
  constexpr std::uint64_t k_of_file = std::uint64_t{1} << 61;  // or shared
  std::array<std::uint64_t, k_most_pages> entries;
  const std::size_t bytes = count * sizeof entries[0];
  const auto at = static_cast<off_t>(from / k_page * sizeof entries[0]);
  if (::pread(pages_, entries.data(), bytes, at) != static_cast<ssize_t>(bytes)) return false;
  for (std::size_t i = 0; i != count; ++i) {
    present[i] = (entries[i] & (k_in_memory | k_swapped)) != 0 && (m.shared || (entries[i] & k_of_file) == 0);
  }
  return true;
}

}  // namespace goro::detail
