#include <goro/net.hpp>

#include "net/connect.hpp"

namespace goro::net {

namespace {

using detail::fd_kind;
using detail::os_error;

result<detail::address> address_of(std::string_view path) {
  // No name: the kernel would end it at a NUL, or choose one by itself.
  if (path.empty() || path.find('\0') != std::string_view::npos) return fail(errc::invalid_path);
  const detail::address a = detail::unix_address(path);
  if (a.size == 0) return fail(make_error_code(std::errc::filename_too_long));
  return a;
}

}  // namespace

result<unix_conn> unix_conn::adopt(int fd) { return detail::adopt_fd<unix_conn>(fd, fd_kind::socket); }

result<std::pair<unix_conn, unix_conn>> unix_conn::pair() {
  int fds[2];
  if (const int error = detail::make_pair(AF_UNIX, SOCK_STREAM, fds); error != 0)
    return fail(os_error(error));
  return detail::make_objects<unix_conn>(fds, fd_kind::socket);
}

result<unix_conn> unix_listener::accept() { return detail::accept_from<unix_conn>(fd(), fd_kind::socket); }

std::string unix_listener::path() const { return fd() ? fd()->path : std::string(); }

result<unix_conn> dial_unix(const context& ctx, std::string_view path) {
  if (const std::error_code err = ctx.err()) return fail(err);
  const auto to = address_of(path);
  if (!to) return fail(to.error());
  return detail::as_object<unix_conn>(
      detail::connect_to(ctx, *to, SOCK_STREAM, fd_kind::socket, detail::k_no_deadline));
}

result<unix_listener> listen_unix(std::string_view path) {
  const auto at = address_of(path);
  if (!at) return fail(at.error());
  const detail::opened o = detail::open_socket(AF_UNIX, SOCK_STREAM);
  if (o.error != 0) return fail(os_error(o.error));
  detail::owned_fd own(o.fd);
  int error = detail::bind_socket(o.fd, *at);
  if (error == 0) error = detail::listen_on(o.fd);
  if (error != 0) return fail(os_error(error));
  auto f = detail::take_over(own, fd_kind::socket);
  if (f) (*f)->path = path;
  return detail::as_object<unix_listener>(std::move(f));
}

}  // namespace goro::net
