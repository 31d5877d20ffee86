#include <goro/net.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "net/connect.hpp"

namespace goro::net {

using detail::descriptor_access;
using detail::fd_kind;
using detail::fd_use;

namespace {

// Of a descriptor that is open.
endpoint ask(detail::net_fd* f, detail::address (*what)(int fd) noexcept) {
  const fd_use use(f);
  return use ? detail::to_endpoint(what(f->fd)) : endpoint();
}

int prepare_listener(int fd) {
  detail::send_at_once_and_keep_alive(fd);
  return detail::listen_on(fd);
}

}  // namespace

result<tcp_conn> tcp_conn::adopt(int fd) { return detail::adopt_fd<tcp_conn>(fd, fd_kind::tcp); }

endpoint tcp_conn::local() const { return ask(fd(), detail::local_address); }
endpoint tcp_conn::remote() const { return ask(fd(), detail::peer_address); }

std::error_code tcp_conn::set_no_delay(bool on) {
  const fd_use use(fd());
  if (!use) return errc::closed;
  const int error = detail::set_option(fd()->fd, IPPROTO_TCP, TCP_NODELAY, on ? 1 : 0);
  return error != 0 ? detail::os_error(error) : std::error_code();
}

result<tcp_listener> tcp_listener::adopt(int fd) {
  return detail::adopt_fd<tcp_listener>(fd, fd_kind::socket);
}

result<tcp_conn> tcp_listener::accept() { return detail::accept_from<tcp_conn>(fd(), fd_kind::tcp); }
endpoint tcp_listener::local() const { return ask(fd(), detail::local_address); }

result<tcp_conn> dial(const context& ctx, std::string_view host_port) {
  auto f = detail::connect_by_name(ctx, host_port, SOCK_STREAM, fd_kind::tcp);
  if (!f) return fail(f.error());
  return descriptor_access::make<tcp_conn>(std::move(*f));
}

result<tcp_listener> listen(std::string_view host_port) {
  auto f = detail::bind_by_name(host_port, SOCK_STREAM, fd_kind::socket, prepare_listener);
  if (!f) return fail(f.error());
  return descriptor_access::make<tcp_listener>(std::move(*f));
}

result<udp_socket> udp_socket::bind(std::string_view host_port) {
  auto f = detail::bind_by_name(host_port, SOCK_DGRAM, fd_kind::socket, [](int) { return 0; });
  if (!f) return fail(f.error());
  return descriptor_access::make<udp_socket>(std::move(*f));
}

result<udp_socket> udp_socket::connect(const context& ctx, std::string_view host_port) {
  auto f = detail::connect_by_name(ctx, host_port, SOCK_DGRAM, fd_kind::socket);
  if (!f) return fail(f.error());
  return descriptor_access::make<udp_socket>(std::move(*f));
}

endpoint udp_socket::local() const { return ask(fd(), detail::local_address); }
endpoint udp_socket::remote() const { return ask(fd(), detail::peer_address); }

}  // namespace goro::net
