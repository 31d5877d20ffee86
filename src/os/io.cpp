#include "os/io.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <ctime>

namespace goro::detail {

namespace {

template <class Call>
transfer repeated(Call call) noexcept {
  for (;;) {
    const ssize_t n = call();
    if (n >= 0) return {.n = static_cast<std::size_t>(n), .error = 0};
    if (errno != EINTR) return {.n = 0, .error = errno == EWOULDBLOCK ? EAGAIN : errno};
  }
}

// For files that cannot be told to leave SIGPIPE out, as sockets can: it is blocked for the calling thread,
// and taken away if it came of the call.
template <class Call>
transfer without_sigpipe(Call call) noexcept {
  sigset_t pipe;
  ::sigemptyset(&pipe);
  ::sigaddset(&pipe, SIGPIPE);
  sigset_t before;
  ::pthread_sigmask(SIG_BLOCK, &pipe, &before);
  sigset_t pending;
  ::sigpending(&pending);
  const transfer t = repeated(call);
  if (t.error == EPIPE && ::sigismember(&pending, SIGPIPE) == 0) {
    const timespec now{};
    while (::sigtimedwait(&pipe, nullptr, &now) < 0 && errno == EINTR) {
    }
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return t;
}

}  // namespace

transfer read_bytes(int fd, std::span<std::byte> to) noexcept {
  return repeated([&] { return ::read(fd, to.data(), to.size()); });
}

transfer write_bytes(int fd, std::span<const std::byte> from, file_kind kind) noexcept {
  if (kind == file_kind::socket)
    return repeated([&] { return ::send(fd, from.data(), from.size(), MSG_NOSIGNAL); });
  return without_sigpipe([&] { return ::write(fd, from.data(), from.size()); });
}

transfer write_pieces(int fd, std::span<const iovec> pieces, file_kind kind) noexcept {
  const std::size_t n = std::min<std::size_t>(pieces.size(), IOV_MAX);
  if (kind == file_kind::socket) {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces.data());  // NOLINT: it is not written to
    message.msg_iovlen = n;
    return repeated([&] { return ::sendmsg(fd, &message, MSG_NOSIGNAL); });
  }
  return without_sigpipe([&] { return ::writev(fd, pieces.data(), static_cast<int>(n)); });
}

transfer receive_datagram(int fd, std::span<std::byte> to, address& from, bool& truncated) noexcept {
  iovec piece{.iov_base = to.data(), .iov_len = to.size()};
  msghdr message{};
  message.msg_name = &from.storage;
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  const transfer t = repeated([&] {
    message.msg_namelen = sizeof from.storage;
    return ::recvmsg(fd, &message, 0);
  });
  from.size = message.msg_namelen;
  truncated = (message.msg_flags & MSG_TRUNC) != 0;
  return t;
}

transfer send_datagram(int fd, std::span<const std::byte> from, const address* to) noexcept {
  return repeated([&] {
    return ::sendto(fd, from.data(), from.size(), MSG_NOSIGNAL, to ? to->get() : nullptr, to ? to->size : 0);
  });
}

}  // namespace goro::detail
