// Connecting a socket, and trying one address after another.
#pragma once

#include <goro/net.hpp>

#include "net/address.hpp"
#include "net/cancel.hpp"
#include "net/fd.hpp"

namespace goro::detail {

// What the kernel says of a descriptor: its own address, or its peer's; endpoint() if it is closed.
net::endpoint ask_address(net_fd* f, address (*what)(int fd) noexcept);

// Makes a socket and connects it; at most until the deadline, or as long as the context is not done. That
// ends itself: its own deadline is not to be given here.
result<net_fd_handle> connect_to(const context& ctx, const address& to, int type, fd_kind kind,
                                 time_point deadline);

// To one address of "host:port" after the other, of which each has its share of the context's time. Without a
// host: to this machine.
result<net_fd_handle> connect_by_name(const context& ctx, std::string_view host_port, int type, fd_kind kind);

// A socket bound to "host:port"; without a host to all addresses of the machine, of both families if there
// are.
result<net_fd_handle> bind_by_name(std::string_view host_port, int type, fd_kind kind,
                                   int (*prepare)(int fd));

}  // namespace goro::detail
