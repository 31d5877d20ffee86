#include "net/address.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <charconv>
#include <cstddef>
#include <cstring>
#include <ostream>

namespace goro::detail {

struct endpoint_access {
  static address to_address(const net::endpoint& e) noexcept {
    address a;
    if (e.v6_) {
      auto* in = reinterpret_cast<sockaddr_in6*>(&a.storage);
      in->sin6_family = AF_INET6;
      in->sin6_port = htons(e.port_);
      in->sin6_scope_id = e.scope_;
      std::memcpy(&in->sin6_addr, e.bytes_.data(), sizeof in->sin6_addr);
      a.size = sizeof *in;
    } else {
      auto* in = reinterpret_cast<sockaddr_in*>(&a.storage);
      in->sin_family = AF_INET;
      in->sin_port = htons(e.port_);
      std::memcpy(&in->sin_addr, e.bytes_.data(), sizeof in->sin_addr);
      a.size = sizeof *in;
    }
    return a;
  }

  static net::endpoint to_endpoint(const address& a) noexcept {
    net::endpoint e;
    if (a.size == 0) return e;
    if (a.storage.ss_family == AF_INET) {
      const auto* in = reinterpret_cast<const sockaddr_in*>(&a.storage);
      e.port_ = ntohs(in->sin_port);
      std::memcpy(e.bytes_.data(), &in->sin_addr, sizeof in->sin_addr);
    } else if (a.storage.ss_family == AF_INET6) {
      const auto* in = reinterpret_cast<const sockaddr_in6*>(&a.storage);
      e.port_ = ntohs(in->sin6_port);
      if (IN6_IS_ADDR_V4MAPPED(&in->sin6_addr)) {  // of a listener for both families
        std::memcpy(e.bytes_.data(), &in->sin6_addr.s6_addr[12], 4);
        return e;
      }
      e.v6_ = true;
      e.scope_ = in->sin6_scope_id;
      std::memcpy(e.bytes_.data(), &in->sin6_addr, sizeof in->sin6_addr);
    }
    return e;
  }
};

address to_address(const net::endpoint& e) noexcept { return endpoint_access::to_address(e); }
net::endpoint to_endpoint(const address& a) noexcept { return endpoint_access::to_endpoint(a); }

namespace {

std::optional<std::uint16_t> parse_port(std::string_view text) noexcept {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

// The number or the name of a network interface; 0 if there is none such.
std::uint32_t parse_scope(const std::string& text) noexcept {
  std::uint32_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error == std::errc() && end == text.data() + text.size()) return n;
  return ::if_nametoindex(text.c_str());
}

}  // namespace

std::optional<host_and_port> split(std::string_view host_port) {
  const std::size_t colon = host_port.rfind(':');
  if (colon == std::string_view::npos || host_port.find('\0') != std::string_view::npos) return std::nullopt;
  const auto port = parse_port(host_port.substr(colon + 1));
  if (!port) return std::nullopt;
  std::string_view host = host_port.substr(0, colon);
  if (host.starts_with('[')) {
    if (!host.ends_with(']')) return std::nullopt;
    host = host.substr(1, host.size() - 2);
  } else if (host.find_first_of(":[]") != std::string_view::npos) {
    return std::nullopt;
  }
  return host_and_port{.host = std::string(host), .port = *port};
}

std::optional<net::endpoint> parse_number(std::string_view host) {
  const std::string text(host.substr(0, host.find('%')));
  address a;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&a.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&a.storage);
  if (text.size() == host.size() && ::inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    a.size = sizeof *v4;
    return to_endpoint(a);
  }
  if (::inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) != 1) return std::nullopt;
  if (text.size() != host.size()) {
    v6->sin6_scope_id = parse_scope(std::string(host.substr(text.size() + 1)));
    if (v6->sin6_scope_id == 0) return std::nullopt;
  }
  v6->sin6_family = AF_INET6;
  a.size = sizeof *v6;
  return to_endpoint(a);
}

address unix_address(std::string_view path) noexcept {
  address a;
  auto* un = reinterpret_cast<sockaddr_un*>(&a.storage);
  if (path.size() >= sizeof un->sun_path) return a;
  un->sun_family = AF_UNIX;
  std::memcpy(un->sun_path, path.data(), path.size());
  const bool is_abstract = path.starts_with('@');
  if (is_abstract) un->sun_path[0] = '\0';
  a.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (is_abstract ? 0 : 1));
  return a;
}

}  // namespace goro::detail

namespace goro::net {

result<endpoint> endpoint::parse(std::string_view text) {
  const auto parts = detail::split(text);
  const auto number = parts ? detail::parse_number(parts->host) : std::nullopt;
  if (!number) return fail(errc::invalid_address);
  return number->with_port(parts->port);
}

std::string endpoint::address() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(v6_ ? AF_INET6 : AF_INET, bytes_.data(), text.data(), text.size());
  std::string s = text.data();
  if (scope_ != 0) s += '%' + std::to_string(scope_);
  return s;
}

endpoint endpoint::with_port(std::uint16_t port) const noexcept {
  endpoint e = *this;
  e.port_ = port;
  return e;
}

std::string to_string(const endpoint& e) {
  const std::string port = std::to_string(e.port());
  return e.is_v6() ? '[' + e.address() + "]:" + port : e.address() + ':' + port;
}

std::ostream& operator<<(std::ostream& out, const endpoint& e) { return out << to_string(e); }

}  // namespace goro::net
