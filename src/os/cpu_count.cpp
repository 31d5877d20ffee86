#include "os/cpu_count.hpp"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "diag/fatal.hpp"
#include "os/cpu_quota.hpp"

namespace goro::detail {

namespace {

int cpus_by_affinity() noexcept {
  // The mask's size is the kernel's; grow until it fits.
  for (std::size_t cpus = 1024; cpus <= 1U << 20; cpus *= 2) {
    cpu_set_t* set = CPU_ALLOC(cpus);
    if (!set) return 1;
    const std::size_t bytes = CPU_ALLOC_SIZE(cpus);
    const int n = ::sched_getaffinity(0, bytes, set) == 0 ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (n > 0) return n;
  }
  return 1;
}

}  // namespace

std::optional<int> wished_procs(int limit) noexcept {
  if (const char* wish = std::getenv("GORO_MAXPROCS"); wish && *wish) {
    const std::string_view text(wish);
    long n = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error == std::errc{} && end == text.data() + text.size() && n > 0) {
      return static_cast<int>(std::min<long>(n, limit));
    }
    write_stderr("goro: GORO_MAXPROCS=" + std::string(text) + " ignored: it must be a positive integer\n");
  }
  return std::nullopt;
}

int usable_cpus(int limit) noexcept {
  int cpus = cpus_by_affinity();
  try {
    if (const int quota = cpu_quota(""); quota != 0) cpus = std::min(cpus, quota);
  } catch (const std::bad_alloc&) {  // then without
  }
  return std::clamp(cpus, 1, limit);
}

}  // namespace goro::detail
