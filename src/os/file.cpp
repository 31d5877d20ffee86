#include "os/file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace goro::detail {

opened_file create_file(const std::string& path) noexcept {
  for (;;) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd >= 0) return {.fd = fd, .error = 0};
    if (errno != EINTR) return {.fd = -1, .error = errno};
  }
}

// An interrupted close has closed on Linux.
int close_file(int fd) noexcept { return ::close(fd) == 0 || errno == EINTR ? 0 : errno; }

}  // namespace goro::detail
