// What all objects of net.hpp share, the streams, and cancel_guard.
#include <goro/net.hpp>

#include <mutex>

#include "net/cancel.hpp"
#include "net/fd.hpp"

namespace goro::net {

using detail::fd_use;
using detail::os_error;

std::error_code descriptor::set_deadline(time_point when) {
  return detail::set_deadlines(fd(), when, true, true);
}
std::error_code descriptor::set_read_deadline(time_point when) {
  return detail::set_deadlines(fd(), when, true, false);
}
std::error_code descriptor::set_write_deadline(time_point when) {
  return detail::set_deadlines(fd(), when, false, true);
}

std::error_code descriptor::close() noexcept { return detail::close_fd(fd()); }

bool descriptor::is_open() const noexcept {
  return fd() && (fd()->uses.load(std::memory_order_relaxed) & detail::net_fd::k_closed) == 0;
}

int descriptor::native_handle() const noexcept { return is_open() ? fd()->fd : -1; }

io_result conn::read(std::span<std::byte> to) { return detail::read_fd(fd(), to); }

io_result conn::read_full(std::span<std::byte> to) {
  io_result done;
  while (done.n < to.size()) {
    const io_result r = read(to.subspan(done.n));
    done.n += r.n;
    if (r.err) return {.n = done.n, .err = r.err};
    if (r.n != 0) continue;
    if (done.n != 0) done.err = errc::unexpected_eof;
    break;
  }
  return done;
}

io_result conn::write(std::span<const std::byte> from) {
  return detail::write_fd(fd(), std::span<const std::span<const std::byte>>(&from, 1));
}
io_result conn::write(std::span<const std::span<const std::byte>> pieces) {
  return detail::write_fd(fd(), pieces);
}

namespace {

std::error_code shut_down(detail::net_fd* f, int how) {
  const fd_use use(f);
  if (!use) return errc::closed;
  if (const int error = detail::shut_down(f->fd, how); error != 0) return os_error(error);
  return {};
}

}  // namespace

std::error_code stream_conn::close_write() { return shut_down(fd(), SHUT_WR); }
std::error_code stream_conn::close_read() {
  // Before: who waits is woken by the kernel, and looks. Release: pairs with read_fd().
  if (fd()) fd()->read_closed.store(true, std::memory_order_release);
  return shut_down(fd(), SHUT_RD);
}

result<file_conn> file_conn::adopt(int fd) {
  if (detail::is_socket(fd)) return detail::adopt_fd<file_conn>(fd, detail::fd_kind::socket);
  return detail::adopt_fd<file_conn>(fd, detail::fd_kind::file);
}

result<std::pair<file_conn, file_conn>> file_conn::pipe() {
  int fds[2];
  if (const int error = detail::make_pipe(fds); error != 0) return fail(os_error(error));
  return detail::make_objects<file_conn>(fds, detail::fd_kind::file);
}

cancel_guard::cancel_guard(const context& ctx, descriptor& what)
    : link_(detail::cancel_on_end(ctx, what.fd())) {}

cancel_guard::~cancel_guard() {
  if (link_) detail::end_link(*link_);
}

}  // namespace goro::net
