// What a request asks for, and whether it may.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <goro/net.hpp>

namespace goro::detail {

// "/api/goroutines.json?filter=a%20b&limit=5"
struct page_target {
  std::string path;
  std::string filter;  // empty: none
  std::string groups;
  std::optional<std::size_t> limit;
  std::optional<std::size_t> seconds;
};
// Nothing if it is malformed. What is not known among the arguments is passed over.
std::optional<page_target> parse_target(std::string_view text);

// "6060" and ":6060" are ports of this machine.
std::string full_address(std::string_view address);

bool is_loopback(const net::endpoint& e);

// Whether a "Host:" names this machine, by a name or a number that nobody else can give himself, or the
// address at which the page is served.
bool is_own_host(std::string_view host, const net::endpoint& served);

}  // namespace goro::detail
