#include "diag/debug_env.hpp"

#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>

#include "diag/fatal.hpp"

namespace goro::detail {

namespace {

// NAME=NUMBER: true if the item has this name and a number that fits.
template <class Number>
bool read(std::string_view item, std::string_view name, Number& value) noexcept {
  if (!item.starts_with(name)) return false;
  item.remove_prefix(name.size());
  const auto [end, error] = std::from_chars(item.data(), item.data() + item.size(), value);
  return error == std::errc{} && end == item.data() + item.size();
}

bool apply(debug_settings& settings, std::string_view item) noexcept {
  unsigned flag = 0;
  if (read(item, "raceruntime=", flag) && flag <= 1) return settings.race_runtime = flag == 1, true;
  if (read(item, "mprotectguards=", flag) && flag <= 1) return settings.mprotect_guards = flag == 1, true;
  if (read(item, "stalls=", flag) && flag <= 1) return settings.stalls = flag == 1, true;
  if (read(item, "deadlocks=", flag) && flag <= 1) return settings.deadlocks = flag == 1, true;
  return read(item, "schedtrace=", settings.sched_trace_ms) || read(item, "shuffle=", settings.shuffle_seed);
}

debug_settings read_debug_settings() noexcept {
  debug_settings settings;
  const char* text = std::getenv("GORO_DEBUG");
  for (std::string_view rest = text ? text : ""; !rest.empty();) {
    const std::string_view item = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(item.size() + 1, rest.size()));
    if (!item.empty() && !apply(settings, item)) {
      write_stderr("goro: GORO_DEBUG: \"" + std::string(item) +
                   "\" ignored; known: shuffle=SEED, raceruntime=1, mprotectguards=1, stalls=1, deadlocks=1, "
                   "schedtrace=MS\n");
    }
  }
  return settings;
}

traceback_level read_traceback_level() noexcept {
  const char* text = std::getenv("GORO_TRACEBACK");
  const std::string_view wish = text ? text : "";
  if (wish == "none") return traceback_level::none;
  if (wish == "all") return traceback_level::all;
  if (wish == "crash") return traceback_level::crash;
  if (!wish.empty() && wish != "single") {
    write_stderr("goro: GORO_TRACEBACK=" + std::string(wish) + " ignored; known: none, single, all, crash\n");
  }
  return traceback_level::single;
}

}  // namespace

traceback_level traceback() noexcept {
  static const traceback_level level = read_traceback_level();
  return level;
}

const debug_settings& debug() noexcept {
  static const debug_settings settings = read_debug_settings();
  return settings;
}

}  // namespace goro::detail
