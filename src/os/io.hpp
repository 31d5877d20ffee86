// Reading and writing without blocking. Interrupted calls are made again.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <span>

namespace goro::detail {

// How much was done; or the error, EAGAIN if it would have had to wait.
struct transfer {
  std::size_t n = 0;
  int error = 0;
};

transfer read_bytes(int fd, std::span<std::byte> to) noexcept;

enum class file_kind { socket, other };
// Without SIGPIPE.
transfer write_bytes(int fd, std::span<const std::byte> from, file_kind kind) noexcept;
transfer write_pieces(int fd, std::span<const iovec> pieces, file_kind kind) noexcept;

struct address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
};

// One datagram. `truncated`: it was longer.
transfer receive_datagram(int fd, std::span<std::byte> to, address& from, bool& truncated) noexcept;
transfer send_datagram(int fd, std::span<const std::byte> from, const address* to) noexcept;

}  // namespace goro::detail
