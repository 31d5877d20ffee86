#include "os/epoll.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>

#include "base/valgrind.hpp"
#include "os/clock.hpp"

namespace goro::detail {

namespace {

// What is asked for of every descriptor. RDHUP and PRI tell that a short read has not emptied it.
constexpr std::uint32_t k_interest = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET;

// Nanoseconds where the kernel can (Linux 5.11), else milliseconds, rounded up.
int wait_for_events(int fd, epoll_event* events, int room, const timespec* patience) noexcept {
#if defined(SYS_epoll_pwait2)
  if (!under_valgrind()) {  // which does not know the call, and says so each time
    const long n = ::syscall(SYS_epoll_pwait2, fd, events, room, patience, nullptr, _NSIG / 8);
    if (n >= 0 || errno != ENOSYS) return static_cast<int>(n);
  }
#endif
  std::int64_t ms = -1;
  if (patience)
    ms = std::min<std::int64_t>(patience->tv_sec * 1000 + (patience->tv_nsec + 999'999) / 1'000'000, INT_MAX);
  return ::epoll_wait(fd, events, room, static_cast<int>(ms));
}

timespec time_until(time_point deadline) noexcept {
  constexpr std::int64_t k_second = 1'000'000'000;
  const std::int64_t ns = std::max<std::int64_t>(
      deadline.time_since_epoch().count() - clock::now().time_since_epoch().count(), 0);
  return {.tv_sec = static_cast<time_t>(ns / k_second), .tv_nsec = static_cast<long>(ns % k_second)};
}

}  // namespace

bool is_possible(int fd, std::uint32_t events) noexcept {
  // The words of poll() and epoll are the same.
  pollfd p{.fd = fd, .events = static_cast<short>(events), .revents = 0};
  const int saved = errno;
  int n = 0;
  do {
    n = ::poll(&p, 1, 0);
  } while (n < 0 && errno == EINTR);
  errno = saved;
  return n > 0;
}

int epoll::control(int operation, int fd, std::uint32_t events, std::uint64_t mark) const noexcept {
  epoll_event e{};
  e.events = events;
  e.data.u64 = mark;
  return ::epoll_ctl(fd_, operation, fd, &e) == 0 ? 0 : errno;
}

int epoll::open() noexcept {
  fd_ = ::epoll_create1(EPOLL_CLOEXEC);
  if (fd_ < 0) return errno;
  wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  const int error = wake_fd_ < 0 ? errno : control(EPOLL_CTL_ADD, wake_fd_, EPOLLIN, k_wake_mark);
  if (error == 0) return 0;
  ::close(fd_);
  if (wake_fd_ >= 0) ::close(wake_fd_);
  fd_ = wake_fd_ = -1;
  return error;
}

int epoll::add(int fd, std::uint64_t mark) const noexcept {
  return control(EPOLL_CTL_ADD, fd, k_interest, mark);
}
int epoll::renew(int fd, std::uint64_t mark) const noexcept {
  return control(EPOLL_CTL_MOD, fd, k_interest, mark);
}
void epoll::remove(int fd) const noexcept { control(EPOLL_CTL_DEL, fd, 0, 0); }

std::size_t epoll::wait(std::span<readiness, k_batch> found, const timespec* patience,
                        bool& woken) const noexcept {
  std::array<epoll_event, k_batch> events;
  const int saved = errno;  // an early end is nobody's business
  const int n = wait_for_events(fd_, events.data(), static_cast<int>(events.size()), patience);
  errno = saved;
  std::size_t filled = 0;
  for (int i = 0; i < n; ++i) {
    const epoll_event& e = events[static_cast<std::size_t>(i)];
    if (e.data.u64 == k_wake_mark) {
      woken = true;
    } else {
      found[filled++] = {.mark = e.data.u64, .events = e.events};
    }
  }
  return filled;
}

std::size_t epoll::look(std::span<readiness, k_batch> found) const noexcept {
  const timespec none{};
  bool woken = false;
  return wait(found, &none, woken);
}

std::size_t epoll::sleep(std::span<readiness, k_batch> found, const time_point* deadline) const noexcept {
  timespec patience{};
  if (deadline) patience = time_until(*deadline);
  bool woken = false;
  const std::size_t n = wait(found, deadline ? &patience : nullptr, woken);
  if (woken) {
    const int saved = errno;
    std::uint64_t count = 0;
    static_cast<void>(!::read(wake_fd_, &count, sizeof count));
    errno = saved;
  }
  return n;
}

void epoll::wake() const noexcept {
  const std::uint64_t one = 1;
  static_cast<void>(!::write(wake_fd_, &one, sizeof one));
}

}  // namespace goro::detail
