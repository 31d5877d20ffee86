#include <goro/net.hpp>

#include "net/connect.hpp"

namespace goro::net {

namespace {

// Not a name: the kernel would end it at a NUL, or choose one by itself.
bool is_none(std::string_view path) { return path.empty() || path.find('\0') != std::string_view::npos; }

}  // namespace

using detail::descriptor_access;
using detail::fd_kind;
using detail::os_error;

result<unix_conn> unix_conn::adopt(int fd) { return detail::adopt_fd<unix_conn>(fd, fd_kind::socket); }

result<std::pair<unix_conn, unix_conn>> unix_conn::pair() {
  int fds[2];
  if (const int error = detail::make_pair(AF_UNIX, SOCK_STREAM, fds); error != 0)
    return fail(os_error(error));
  auto a = detail::make_object<unix_conn>(fds[0], fd_kind::socket);
  auto b = detail::make_object<unix_conn>(fds[1], fd_kind::socket);
  if (!a || !b) return fail(a ? b.error() : a.error());
  return std::pair(std::move(*a), std::move(*b));
}

result<unix_conn> unix_listener::accept() { return detail::accept_from<unix_conn>(fd(), fd_kind::socket); }

std::string unix_listener::path() const { return fd() ? fd()->path : std::string(); }

result<unix_conn> dial_unix(const context& ctx, std::string_view path) {
  if (const std::error_code err = ctx.err()) return fail(err);
  if (is_none(path)) return fail(errc::invalid_address);
  const detail::address to = detail::unix_address(path);
  if (to.size == 0) return fail(make_error_code(std::errc::filename_too_long));
  auto f = detail::connect_to(ctx, to, SOCK_STREAM, fd_kind::socket, detail::k_no_deadline);
  if (!f) return fail(f.error());
  return descriptor_access::make<unix_conn>(std::move(*f));
}

result<unix_listener> listen_unix(std::string_view path) {
  if (is_none(path)) return fail(errc::invalid_address);
  const detail::address at = detail::unix_address(path);
  if (at.size == 0) return fail(make_error_code(std::errc::filename_too_long));
  const detail::opened o = detail::open_socket(AF_UNIX, SOCK_STREAM);
  if (o.error != 0) return fail(os_error(o.error));
  detail::owned_fd own(o.fd);
  int error = detail::bind_socket(o.fd, at);
  if (error == 0) error = detail::listen_on(o.fd);
  if (error != 0) return fail(os_error(error));
  auto f = detail::take_over(own, fd_kind::socket);
  if (!f) return fail(f.error());
  (*f)->path = path;
  return descriptor_access::make<unix_listener>(std::move(*f));
}

}  // namespace goro::net
