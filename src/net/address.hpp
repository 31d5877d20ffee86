// Endpoints and host:port texts, as the kernel and the resolver want them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <goro/net.hpp>

#include "os/io.hpp"

namespace goro::detail {

address to_address(const net::endpoint& e) noexcept;
net::endpoint to_endpoint(const address& a) noexcept;  // of one that is no IP address: endpoint()

struct host_and_port {
  std::string host;  // may be empty
  std::uint16_t port = 0;
};
// "host:port", "[IPv6]:port", ":port"; the port is a number.
std::optional<host_and_port> split(std::string_view host_port);

// An address in numbers, without port; brackets are not part of it.
std::optional<net::endpoint> parse_number(std::string_view host);

// Of a path; of size 0 if it is too long.
address unix_address(std::string_view path) noexcept;

}  // namespace goro::detail
