#include "page/request.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace goro::detail {

namespace {

// "%41" becomes "A" and "+" a space; nothing if it is malformed.
std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned char c = static_cast<unsigned char>(text[i] == '+' ? ' ' : text[i]);
    if (c == '%') {
      if (text.size() - i < 3) return std::nullopt;
      const char* digits = text.data() + i + 1;
      if (std::from_chars(digits, digits + 2, c, 16).ptr != digits + 2) return std::nullopt;
      i += 2;
    }
    out += static_cast<char>(c);
  }
  return out;
}

std::optional<std::size_t> number(std::string_view text) {
  std::size_t n = 0;
  const char* begin = text.data();
  const char* end = begin + text.size();
  const auto read = std::from_chars(begin, end, n);
  if (text.empty() || read.ptr != end || read.ec != std::errc()) return std::nullopt;
  return n;
}

bool take_argument(std::string_view text, page_target& into) {
  const std::size_t equals = std::min(text.find('='), text.size());
  const std::string_view name = text.substr(0, equals);
  const auto value = decoded(text.substr(std::min(equals + 1, text.size())));
  if (!value) return false;
  if (name == "filter") into.filter = *value;
  if (name == "groups") into.groups = *value;
  if (name == "limit") into.limit = number(*value);
  if (name == "seconds") into.seconds = number(*value);
  return (name != "limit" || into.limit) && (name != "seconds" || into.seconds);
}

bool equal_names(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

// "[::1]:80" is [::1].
std::string_view without_port(std::string_view host) {
  const std::size_t bracket = host.rfind(']');
  const std::size_t colon = host.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  return has_port ? host.substr(0, colon) : host;
}

}  // namespace

std::optional<page_target> parse_target(std::string_view text) {
  page_target target;
  const std::size_t question = std::min(text.find('?'), text.size());
  const auto path = decoded(text.substr(0, question));
  if (!path || !path->starts_with('/')) return std::nullopt;
  target.path = *path;
  std::string_view rest = text.substr(std::min(question + 1, text.size()));
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('&'), rest.size());
    if (!take_argument(rest.substr(0, end), target)) return std::nullopt;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return target;
}

std::string full_address(std::string_view address) {
  if (address.find(':') == std::string_view::npos && number(address))
    return "127.0.0.1:" + std::string(address);
  return (address.starts_with(':') ? "127.0.0.1" : "") + std::string(address);
}

bool is_loopback(const net::endpoint& e) {
  const std::string address = e.address();
  return address == "::1" || address.starts_with("127.") || address.starts_with("::ffff:127.");
}

bool is_own_host(std::string_view host, const net::endpoint& served) {
  const std::string_view name = without_port(host);
  if (equal_names(name, "localhost") || name == "127.0.0.1" || name == "[::1]") return true;
  return name == (served.is_v6() ? "[" + served.address() + "]" : served.address());
}

}  // namespace goro::detail
