// The kernel's notice that something can be done with a descriptor, and a way to end the wait for it.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include <sys/epoll.h>

#include <goro/clock.hpp>

namespace goro::detail {

// What lets a reader go on, and a writer: the failure of the descriptor, too.
inline constexpr std::uint32_t k_read_events = EPOLLIN | EPOLLRDHUP | EPOLLPRI | EPOLLHUP | EPOLLERR;
inline constexpr std::uint32_t k_write_events = EPOLLOUT | EPOLLHUP | EPOLLERR;

// Is any of these possible now?
bool is_possible(int fd, std::uint32_t events) noexcept;

// What became possible: `mark` is what the descriptor was registered with.
struct readiness {
  std::uint64_t mark = 0;
  std::uint32_t events = 0;
};

// One epoll instance and a descriptor that wakes up its sleeper. Level triggered for the latter: somebody who
// only looks may see its event, and must not take it away from the sleeper.
class epoll {
 public:
  static constexpr std::size_t k_batch = 128;
  static constexpr std::uint64_t k_wake_mark = 0;  // no descriptor has it

  // Makes the two descriptors; returns 0 or the error.
  int open() noexcept;

  // Registers for reading and writing, edge triggered: each event says that something has become possible
  // since the last one. What is possible now is an event, too. Return 0 or the error (EPERM: the kind of file
  // is always ready, as a regular one).
  int add(int fd, std::uint64_t mark) const noexcept;
  int renew(int fd, std::uint64_t mark) const noexcept;  // one that is registered
  void remove(int fd) const noexcept;

  // Both return how many of `found` are filled. look() does not sleep; sleep() does until there is something,
  // somebody calls wake(), or the deadline comes (null: never); it may also return early for no reason.
  std::size_t look(std::span<readiness, k_batch> found) const noexcept;
  std::size_t sleep(std::span<readiness, k_batch> found, const time_point* deadline) const noexcept;

  // Ends the present sleep(), or the next one.
  void wake() const noexcept;

 private:
  int control(int operation, int fd, std::uint32_t events, std::uint64_t mark) const noexcept;
  std::size_t wait(std::span<readiness, k_batch> found, const timespec* patience, bool& woken) const noexcept;

  int fd_ = -1;
  int wake_fd_ = -1;
};

}  // namespace goro::detail
