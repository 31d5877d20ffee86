#include "os/socket.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace goro::detail {

namespace {

int error_of(int result) noexcept { return result == 0 ? 0 : errno; }

// Go's: after 15 s of silence, then every 15 s, nine times.
constexpr int k_keep_alive_seconds = 15;
constexpr int k_keep_alive_probes = 9;

}  // namespace

opened open_socket(int family, int type) noexcept {
  const int fd = ::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  return {.fd = fd, .error = fd < 0 ? errno : 0};
}

opened accept_connection(int listener) noexcept {
  for (;;) {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) return {.fd = fd, .error = 0};
    if (errno == EINTR || errno == ECONNABORTED) continue;
    return {.fd = -1, .error = errno == EWOULDBLOCK ? EAGAIN : errno};
  }
}

// Interrupted, it goes on by itself.
int connect_socket(int fd, const address& to) noexcept {
  const int error = error_of(::connect(fd, to.get(), to.size));
  return error == EINTR ? EINPROGRESS : error;
}

int connect_error(int fd) noexcept {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  if (error != 0) return error;
  return peer_address(fd).size != 0 ? 0 : EINPROGRESS;
}

int bind_socket(int fd, const address& to) noexcept { return error_of(::bind(fd, to.get(), to.size)); }
int listen_on(int fd) noexcept { return error_of(::listen(fd, SOMAXCONN)); }
int shut_down(int fd, int how) noexcept { return error_of(::shutdown(fd, how)); }

int set_option(int fd, int level, int name, int value) noexcept {
  return error_of(::setsockopt(fd, level, name, &value, sizeof value));
}

void send_at_once_and_keep_alive(int fd) noexcept {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, k_keep_alive_seconds);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, k_keep_alive_seconds);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, k_keep_alive_probes);
}

address local_address(int fd) noexcept {
  address a;
  a.size = sizeof a.storage;
  if (::getsockname(fd, a.get(), &a.size) != 0) a.size = 0;
  return a;
}

address peer_address(int fd) noexcept {
  address a;
  a.size = sizeof a.storage;
  if (::getpeername(fd, a.get(), &a.size) != 0) a.size = 0;
  return a;
}

int make_pair(int family, int type, int (&fds)[2]) noexcept {
  return error_of(::socketpair(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds));
}

int make_pipe(int (&fds)[2]) noexcept { return error_of(::pipe2(fds, O_CLOEXEC | O_NONBLOCK)); }

int make_nonblocking(int fd, bool& changed) noexcept {
  changed = false;
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0) return errno;
  if ((flags & O_NONBLOCK) != 0) return 0;
  const int error = error_of(::fcntl(fd, F_SETFL, flags | O_NONBLOCK));
  changed = error == 0;
  return error;
}

void make_blocking(int fd) noexcept {
  const int saved = errno;
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags >= 0) ::fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
  errno = saved;
}

bool is_socket(int fd) noexcept {
  struct stat s{};
  return ::fstat(fd, &s) == 0 && S_ISSOCK(s.st_mode);
}

// Interrupted, it is closed all the same.
void close_descriptor(int fd) noexcept {
  const int saved = errno;
  ::close(fd);
  errno = saved;
}

void remove_file(const char* path) noexcept {
  const int saved = errno;
  ::unlink(path);
  errno = saved;
}

}  // namespace goro::detail
