// Making sockets. All are closed on exec and non-blocking. Where an int is returned: 0 or the error; where an
// opened one is returned, its error is 0 if there is one.
#pragma once

#include "os/io.hpp"

namespace goro::detail {

struct opened {
  int fd = -1;
  int error = 0;
};

opened open_socket(int family, int type) noexcept;
opened accept_connection(int listener) noexcept;         // EAGAIN if there is none
int connect_socket(int fd, const address& to) noexcept;  // EINPROGRESS: it is on its way
int connect_error(int fd) noexcept;                      // how that ended; EINPROGRESS if it has not
int bind_socket(int fd, const address& to) noexcept;
int listen_on(int fd) noexcept;
int shut_down(int fd, int how) noexcept;
int set_option(int fd, int level, int name, int value) noexcept;
void send_at_once_and_keep_alive(int fd) noexcept;  // of a TCP socket; who is accepted inherits it
address local_address(int fd) noexcept;             // of size 0 if there is none
address peer_address(int fd) noexcept;

int make_pair(int family, int type, int (&fds)[2]) noexcept;
int make_pipe(int (&fds)[2]) noexcept;
int make_nonblocking(int fd, bool& changed) noexcept;  // `changed`: it was not
void make_blocking(int fd) noexcept;
bool is_socket(int fd) noexcept;
void close_descriptor(int fd) noexcept;
void remove_file(const char* path) noexcept;

}  // namespace goro::detail
