#include "stack/stack_limit.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>

#include <goro/runtime.hpp>

#include "base/valgrind.hpp"
#include "diag/fatal.hpp"
#include "os/memory.hpp"
#include "sched/scheduler.hpp"
#include "stack/stack_pool.hpp"

namespace goro::detail {

constinit stack_choice g_stack_choice;

namespace {

// How much address space the first kind may take.
constexpr std::size_t k_unset = std::size_t{256} << 30;
constexpr std::size_t k_set = std::size_t{16} << 40;

constinit std::size_t g_initial = k_first_stack;  // the setting, before anybody set it
constinit std::size_t g_space = k_no_limit;       // all address space
constinit bool g_said_at_start = false;           // GORO_STACK
constinit lock g_choosing;

// What the present setting means for each pool.
struct bounds {
  const stack_pool* first;
  const stack_pool* second;
  std::size_t first_bytes;
  std::size_t second_bytes;
};

void set_bound(stack_pool& pool, void* arg) noexcept {
  const auto& b = *static_cast<const bounds*>(arg);
  pool.set_bound(&pool == b.second ? b.second_bytes : &pool == b.first ? b.first_bytes : k_no_limit);
}

// Returns what was asked for before.
std::size_t choose(std::size_t bytes) noexcept {
  const lock_guard guard(g_choosing);
  const bool is_short = g_space != k_no_limit;
  const bool said = g_said_at_start || bytes != g_initial;
  const std::size_t size = std::max(bytes, k_smallest_wish);
  stack_pool* const first = pool_for(size);
  stack_pool* const second = pool_for(std::min(size, k_second_stack));
  stack_pool* const third = is_short ? pool_for(k_smallest_stack) : second;
  bounds b{.first = first,
           .second = second,
           .first_bytes = std::min(said ? k_set : k_unset, g_space / 16),
           .second_bytes = is_short ? g_space / 8 : k_no_limit};
  for_each_pool(set_bound, &b);
  const std::size_t former = g_stack_choice.asked.exchange(bytes, std::memory_order_relaxed);
  g_stack_choice.kinds[2].store(third, std::memory_order_relaxed);
  g_stack_choice.kinds[1].store(second, std::memory_order_relaxed);
  g_stack_choice.kinds[0].store(first, std::memory_order_relaxed);
  return former;
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

std::size_t stack_address_space() noexcept { return g_space; }

void choose_stack_limit() noexcept {
  constexpr std::size_t k_valgrinds_space = std::size_t{4} << 30;  // each GB takes it 0.2 s
  g_space = address_space_limit();
  if (under_valgrind()) g_space = std::min(g_space, k_valgrinds_space);
  if (g_space != k_no_limit) g_initial = std::clamp(std::bit_floor(g_space / 64), k_smallest_wish, g_initial);
  std::size_t limit = g_initial;
  if (const char* wish = std::getenv("GORO_STACK"); wish && *wish) {
    if (const std::size_t n = parse_size(wish); n != 0) {
      limit = n;
      g_said_at_start = true;
    } else {
      write_stderr("goro: GORO_STACK=" + std::string(wish) +
                   " ignored: it must be a number of bytes, or of K, M or G, up to 1024G\n");
    }
  }
  choose(limit);
}

namespace {

std::size_t procs_now() noexcept {
  return static_cast<std::size_t>(std::max(sched.procs.load(std::memory_order_relaxed), 1));
}

}  // namespace

std::size_t stack_hoard() noexcept {
  constexpr std::size_t k_most = 96;
  constexpr std::size_t k_of_all = 512;
  if (g_space != k_no_limit) return 3;
  return std::clamp<std::size_t>(k_of_all / procs_now(), 3, k_most);
}

std::size_t most_hoarded() noexcept { return g_space != k_no_limit ? 0 : (procs_now() - 1) * stack_hoard(); }

}  // namespace goro::detail

namespace goro {

std::size_t set_max_stack(std::size_t bytes) {
  using namespace detail;
  ensure_started();
  if (bytes == 0) return g_stack_choice.asked.load(std::memory_order_relaxed);
  return choose(std::min(bytes, k_largest_stack));
}

}  // namespace goro
