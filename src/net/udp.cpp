#include <goro/net.hpp>

#include <netinet/in.h>

#include <mutex>

#include "net/connect.hpp"

namespace goro::net {

using detail::direction;
using detail::fd_kind;
using detail::fd_use;

namespace {

// A socket of IPv6 that serves both families wants its addresses in that form.
detail::address address_for(int fd, const endpoint& to) {
  const detail::address plain = detail::to_address(to);
  if (to.is_v6() || detail::local_address(fd).storage.ss_family != AF_INET6) return plain;
  detail::address mapped;
  auto* in = reinterpret_cast<sockaddr_in6*>(&mapped.storage);
  in->sin6_family = AF_INET6;
  in->sin6_port = reinterpret_cast<const sockaddr_in*>(&plain.storage)->sin_port;
  in->sin6_addr.s6_addr[10] = in->sin6_addr.s6_addr[11] = 0xff;
  const auto& v4 = reinterpret_cast<const sockaddr_in*>(&plain.storage)->sin_addr;
  const auto* bytes = reinterpret_cast<const unsigned char*>(&v4);
  for (std::size_t i = 0; i != 4; ++i) in->sin6_addr.s6_addr[12 + i] = bytes[i];
  mapped.size = sizeof *in;
  return mapped;
}

io_result send(detail::net_fd* f, std::span<const std::byte> from, const endpoint* to) {
  const fd_use use(f);
  if (!use) return {.n = 0, .err = errc::closed};
  const std::lock_guard held(f->writing);
  detail::address a;
  if (to) a = address_for(f->fd, *to);
  io_result done;
  done.n = until_done(*f, direction::write, done.err, [&] {
             return detail::send_datagram(f->fd, from, to ? &a : nullptr);
           }).n;
  return done;
}

}  // namespace

result<udp_socket> udp_socket::bind(std::string_view host_port) {
  return detail::as_object<udp_socket>(
      detail::bind_by_name(host_port, SOCK_DGRAM, fd_kind::socket, [](int) { return 0; }));
}

result<udp_socket> udp_socket::connect(const context& ctx, std::string_view host_port) {
  return detail::as_object<udp_socket>(detail::connect_by_name(ctx, host_port, SOCK_DGRAM, fd_kind::socket));
}

endpoint udp_socket::local() const { return detail::ask_address(fd(), detail::local_address); }
endpoint udp_socket::remote() const { return detail::ask_address(fd(), detail::peer_address); }

result<udp_socket::datagram> udp_socket::receive_from(std::span<std::byte> to) {
  detail::net_fd* f = fd();
  const fd_use use(f);
  if (!use) return fail(errc::closed);
  const std::lock_guard held(f->reading);
  detail::address from;
  datagram d;
  std::error_code err;
  d.n = until_done(*f, direction::read, err, [&] {
          return detail::receive_datagram(f->fd, to, from, d.truncated);
        }).n;
  if (err) return fail(err);
  d.from = detail::to_endpoint(from);
  return d;
}

io_result udp_socket::read(std::span<std::byte> to) {
  if (to.empty()) return {.n = 0, .err = is_open() ? std::error_code() : errc::closed};
  const auto d = receive_from(to);
  return d ? io_result{.n = d->n, .err = {}} : io_result{.n = 0, .err = d.error()};
}

io_result udp_socket::send_to(std::span<const std::byte> from, const endpoint& to) {
  return send(fd(), from, &to);
}
io_result udp_socket::write(std::span<const std::byte> from) { return send(fd(), from, nullptr); }

}  // namespace goro::net
