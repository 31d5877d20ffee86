#include "diag/debug_env.hpp"

#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>

#include "diag/fatal.hpp"

namespace goro::detail {

namespace {

bool apply(debug_settings& settings, std::string_view item) noexcept {
  constexpr std::string_view k_shuffle = "shuffle=";
  if (!item.starts_with(k_shuffle)) return false;
  item.remove_prefix(k_shuffle.size());
  const auto [end, error] = std::from_chars(item.data(), item.data() + item.size(), settings.shuffle_seed);
  return error == std::errc{} && end == item.data() + item.size();
}

}  // namespace

debug_settings read_debug_settings() noexcept {
  debug_settings settings;
  const char* text = std::getenv("GORO_DEBUG");
  for (std::string_view rest = text ? text : ""; !rest.empty();) {
    const std::string_view item = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(item.size() + 1, rest.size()));
    if (!item.empty() && !apply(settings, item)) {
      write_stderr("goro: GORO_DEBUG: \"" + std::string(item) + "\" ignored; known: shuffle=SEED\n");
    }
  }
  return settings;
}

}  // namespace goro::detail
