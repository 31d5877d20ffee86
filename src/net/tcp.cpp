#include <goro/net.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "net/connect.hpp"

namespace goro::net {

using detail::fd_kind;
using detail::fd_use;

namespace {

int prepare_listener(int fd) {
  detail::send_at_once_and_keep_alive(fd);
  return detail::listen_on(fd);
}

}  // namespace

result<tcp_conn> tcp_conn::adopt(int fd) { return detail::adopt_fd<tcp_conn>(fd, fd_kind::tcp); }

endpoint tcp_conn::local() const { return detail::ask_address(fd(), detail::local_address); }
endpoint tcp_conn::remote() const { return detail::ask_address(fd(), detail::peer_address); }

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
endpoint tcp_listener::local() const { return detail::ask_address(fd(), detail::local_address); }

result<tcp_conn> dial(const context& ctx, std::string_view host_port) {
  return detail::as_object<tcp_conn>(detail::connect_by_name(ctx, host_port, SOCK_STREAM, fd_kind::tcp));
}

result<tcp_listener> listen(std::string_view host_port) {
  return detail::as_object<tcp_listener>(
      detail::bind_by_name(host_port, SOCK_STREAM, fd_kind::socket, prepare_listener));
}

}  // namespace goro::net
