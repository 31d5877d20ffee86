#include "stack/stack_limit.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>

#include <goro/runtime.hpp>

#include "diag/fatal.hpp"
#include "os/memory.hpp"
#include "sched/scheduler.hpp"
#include "stack/stack_pool.hpp"

namespace goro::detail {

constinit stack_choice g_stack_choice;

namespace {

constinit std::size_t g_first_bytes = std::size_t{256} << 30;  // of address space, for all of the first choice

void choose(std::size_t bytes) noexcept {
  g_stack_choice.asked.store(bytes, std::memory_order_relaxed);
  g_stack_choice.first.store(pool_for(bytes), std::memory_order_relaxed);
  g_stack_choice.second.store(pool_for(std::min(bytes, k_second_stack)), std::memory_order_relaxed);
}

// "65536", "64K", "8M", "1G"; 0 if it is none of these.
std::size_t parse_size(std::string_view text) noexcept {
  std::size_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (error != std::errc{} || unit.size() > 1) return 0;
  const std::size_t power = unit.empty() ? 0 : std::string_view("KMG").find(unit[0]) + 1;
  if (!unit.empty() && power == 0) return 0;  // npos + 1
  const std::size_t factor = std::size_t{1} << 10 * power;
  return n <= k_largest_stack / factor ? n * factor : 0;
}

}  // namespace

void choose_stack_limit() noexcept {
  std::size_t limit = k_first_stack;
  if (const std::size_t space = address_space_limit(); space != k_no_limit) {
    g_first_bytes = space / 4;
    limit = std::clamp(std::bit_floor(space / 64), std::min(k_second_stack, limit), limit);
  }
  if (const char* wish = std::getenv("GORO_STACK"); wish && *wish) {
    if (const std::size_t n = parse_size(wish); n != 0) {
      limit = n;
    } else {
      write_stderr("goro: GORO_STACK=" + std::string(wish) +
                   " ignored: it must be a number of bytes, or of K, M or G, up to 1024G\n");
    }
  }
  choose(limit);
}

std::size_t most_first_stacks(std::size_t size) noexcept { return g_first_bytes / size; }

}  // namespace goro::detail

namespace goro {

std::size_t set_max_stack(std::size_t bytes) {
  using namespace detail;
  ensure_started();
  const std::size_t former = g_stack_choice.asked.load(std::memory_order_relaxed);
  if (bytes != 0) choose(std::min(bytes, k_largest_stack));
  return former;
}

}  // namespace goro
