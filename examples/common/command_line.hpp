// Command lines of the larger examples: "--name value" pairs in any order, each of which has one way to be
// wrong and says so.
//
//   std::string address = "127.0.0.1:0";
//   const std::array options{example::option{"--address", example::host_port(address)}, ...};
//   if (const auto code = example::read_arguments(argc, argv, k_usage, options)) return *code;
#pragma once

#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include <goro/net.hpp>

namespace example {

// Takes the value over, or returns what is wrong with it.
using setter = std::function<std::string(std::string_view value)>;

struct option {
  std::string_view name;
  setter set;
  bool is_flag = false;  // comes without a value
};

// The whole text as a number.
template <class T>
std::optional<T> to_number(std::string_view text) {
  T n{};
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (text.empty() || error != std::errc() || at != text.data() + text.size()) return std::nullopt;
  return n;
}

template <class T>
setter number(T& to, T least, T most) {
  return [&to, least, most](std::string_view text) -> std::string {
    const auto n = to_number<T>(text);
    if (!n || *n < least || *n > most) {
      return "is no number from " + std::to_string(least) + " to " + std::to_string(most);
    }
    to = *n;
    return {};
  };
}

inline setter text(std::string& to) {
  return [&to](std::string_view value) -> std::string {
    if (value.empty()) return "is empty";
    to = value;
    return {};
  };
}

// "500ms", "10s", "2m"; not zero, and no more than a day.
inline std::optional<std::chrono::milliseconds> to_duration(std::string_view text) {
  constexpr std::int64_t k_day = 86'400'000;
  struct unit {
    std::string_view name;
    std::int64_t ms;
  };
  for (const unit& u : {unit{"ms", 1}, unit{"s", 1000}, unit{"m", 60'000}}) {
    if (!text.ends_with(u.name)) continue;
    const auto n = to_number<std::int64_t>(text.substr(0, text.size() - u.name.size()));
    if (!n) continue;
    if (*n <= 0 || *n > k_day / u.ms) return std::nullopt;
    return std::chrono::milliseconds(*n * u.ms);
  }
  return std::nullopt;
}

inline setter duration(std::chrono::milliseconds& to) {
  return [&to](std::string_view text) -> std::string {
    const auto d = to_duration(text);
    if (!d) return "is no time such as 500ms, 10s or 2m, up to a day";
    to = *d;
    return {};
  };
}

// "host:port"; whether there is such a host is found out by who uses it.
inline bool is_host_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || !to_number<std::uint16_t>(text.substr(colon + 1))) return false;
  const std::string_view host = text.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  return bracketed || host.find(':') == std::string_view::npos;
}

inline setter host_port(std::string& to) {
  return [&to](std::string_view text) -> std::string {
    if (!is_host_port(text)) return "is no address such as 127.0.0.1:8080 or [::1]:8080";
    to = text;
    return {};
  };
}

inline option flag(std::string_view name, bool& to) {
  return {.name = name,
          .set = [&to](std::string_view) -> std::string {
            to = true;
            return {};
          },
          .is_flag = true};
}

// Reads them all. Returns the exit code if the program must end: 0 after --help, 2 when they are wrong.
inline std::optional<int> read_arguments(int argc, char** argv, const char* usage,
                                         std::span<const option> options) {
  const std::span<char*> arguments(argv, static_cast<std::size_t>(argc));
  const auto complain = [usage](const std::string& what) {
    std::fprintf(stderr, "%s\n%s", what.c_str(), usage);
    return 2;
  };
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string name = arguments[i];
    if (name == "--help" || name == "-h") {
      std::fputs(usage, stdout);
      return 0;
    }
    const option* found = nullptr;
    for (const option& o : options) {
      if (o.name == name) found = &o;
    }
    if (!found) return complain("unknown argument '" + name + "'");
    if (!found->is_flag && i + 1 == arguments.size()) return complain(name + " needs a value");
    const std::string value = found->is_flag ? std::string() : arguments[++i];
    if (const std::string wrong = found->set(value); !wrong.empty()) {
      return complain(name + ": '" + value + "' " + wrong);
    }
  }
  return std::nullopt;
}

// Says where a server is to be reached, at once: whoever has started it waits for this line.
inline void announce(const goro::net::tcp_listener& listener) {
  std::printf("listening on %s\n", to_string(listener.local()).c_str());
  std::fflush(stdout);
}

}  // namespace example
