// An open descriptor and those who use it.
//
// `uses` counts the operations that are under way, and one more as long as it is open: the kernel's number is
// given back by whoever is the last, so that no operation ever meets the descriptor of somebody else
// (NET-16). close() sets the mark `k_closed`, from when on no operation begins, and ends those that wait. The
// object itself lives as long as somebody refers to it (`refs`): its handle, cancel_guards, and the open
// descriptor.
//
// Reading and writing are serialized each by a mutex of its own, held across the wait: so a read gets all of
// what it waited for, and a write is not interleaved with another one (NET-12).
#pragma once

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <utility>

#include <goro/mutex.hpp>
#include <goro/net.hpp>

#include "os/io.hpp"
#include "os/socket.hpp"
#include "poll/poll_desc.hpp"

namespace goro::detail {

enum class fd_kind : std::uint8_t {
  tcp,     // a read that is shorter than it might be has taken all there was
  socket,  // any other
  file,
};

struct net_fd {
  static constexpr std::uint32_t k_closed = 1U << 31;

  std::atomic<std::uint32_t> refs{2};
  std::atomic<std::uint32_t> uses{1};
  int fd = -1;
  fd_kind kind = fd_kind::socket;
  poll_desc* poll = nullptr;    // null: never has to wait (a regular file)
  std::atomic<int> cancels{0};  // by how many contexts it is cancelled, if nobody waits for it
  mutex reading;
  mutex writing;
  std::string path;  // of a Unix listener: its file goes with it
  // By close_read(): whatever comes, the stream has ended. The kernel ends only the reads that find nothing.
  std::atomic<bool> read_closed{false};
  // How many events there had been before the last try in each direction; and whether the last read has taken
  // all there was. Guarded by the mutex of the direction.
  std::array<std::uint32_t, 2> seen{};
  bool drained = false;

  std::uint32_t& seen_in(direction dir) noexcept { return seen[static_cast<std::size_t>(dir)]; }
  file_kind os_kind() const noexcept { return kind == fd_kind::file ? file_kind::other : file_kind::socket; }
};

// Takes over an open, non-blocking descriptor if it succeeds.
result<net_fd_handle> make_net_fd(int fd, fd_kind kind);
void drop_ref(net_fd* f) noexcept;
std::error_code close_fd(net_fd* f) noexcept;
std::error_code set_deadlines(net_fd* f, time_point when, bool reads, bool writes) noexcept;

inline std::error_code os_error(int error) noexcept { return {error, std::system_category()}; }

// One operation; false if the descriptor is closed, or there is none.
class [[nodiscard]] fd_use {
 public:
  explicit fd_use(net_fd* f) noexcept;
  ~fd_use() {
    if (f_) end();
  }
  fd_use(const fd_use&) = delete;
  fd_use& operator=(const fd_use&) = delete;

  explicit operator bool() const noexcept { return f_ != nullptr; }

 private:
  void end() noexcept;
  net_fd* f_ = nullptr;
};

// May an operation in that direction begin?
inline std::error_code may_begin(const net_fd& f, direction dir) noexcept {
  if (f.poll) return check(*f.poll, dir);
  // Acquire: pairs with set_canceled().
  return f.cancels.load(std::memory_order_acquire) != 0 ? errc::canceled : std::error_code();
}

// Waits until something may have become possible since the last try.
inline std::error_code wait_for(net_fd& f, direction dir) {
  return f.poll ? wait_ready(*f.poll, dir, f.seen_in(dir)) : os_error(EAGAIN);
}

// Tries until it need not wait. `attempt` returns something with an `error`: EAGAIN if it must.
template <class Attempt>
auto until_done(net_fd& f, direction dir, std::error_code& err, Attempt attempt) {
  for (;;) {
    decltype(attempt()) t{};
    err = may_begin(f, dir);
    if (err) return t;
    if (f.poll) f.seen_in(dir) = count_events(*f.poll, dir);
    t = attempt();
    if (t.error != EAGAIN) {
      if (t.error != 0) err = os_error(t.error);
      return t;
    }
    err = wait_for(f, dir);
    if (err) return t;
  }
}

io_result read_fd(net_fd* f, std::span<std::byte> to);
io_result write_fd(net_fd* f, std::span<const std::span<const std::byte>> pieces);

// How the classes of net.hpp are made.
struct descriptor_access {
  template <class T>
  static T make(net_fd_handle fd) noexcept {
    return T(std::move(fd));
  }
};

template <class T>
result<T> as_object(result<net_fd_handle> f) {
  if (!f) return fail(f.error());
  return descriptor_access::make<T>(std::move(*f));
}

// Closed at the end unless somebody has taken it over.
class owned_fd {
 public:
  explicit owned_fd(int fd) noexcept : fd_(fd) {}
  ~owned_fd() {
    if (fd_ >= 0) close_descriptor(fd_);
  }
  owned_fd(const owned_fd&) = delete;
  owned_fd& operator=(const owned_fd&) = delete;
  int get() const noexcept { return fd_; }
  void release() noexcept { fd_ = -1; }

 private:
  int fd_;
};

// Somebody else's descriptor as an object of net.hpp; stays theirs, and as it was, if this fails.
template <class T>
result<T> adopt_fd(int fd, fd_kind kind) {
  bool changed = false;
  if (const int error = make_nonblocking(fd, changed); error != 0) return fail(os_error(error));
  auto f = make_net_fd(fd, kind);
  if (!f && changed) make_blocking(fd);
  return as_object<T>(std::move(f));
}

// The same with one that was opened here; closed if this fails.
inline result<net_fd_handle> take_over(owned_fd& fd, fd_kind kind) {
  auto handle = make_net_fd(fd.get(), kind);
  if (handle) fd.release();
  return handle;
}
template <class T>
result<T> make_object(int fd, fd_kind kind) {
  owned_fd own(fd);
  return as_object<T>(take_over(own, kind));
}

// Two that belong together.
template <class T>
result<std::pair<T, T>> make_objects(const int (&fds)[2], fd_kind kind) {
  auto a = make_object<T>(fds[0], kind);
  auto b = make_object<T>(fds[1], kind);
  if (!a || !b) return fail(a ? b.error() : a.error());
  return std::pair(std::move(*a), std::move(*b));
}

// The next connection of a listener.
template <class T>
result<T> accept_from(net_fd* f, fd_kind kind) {
  const fd_use use(f);
  if (!use) return fail(errc::closed);
  const std::lock_guard held(f->reading);
  std::error_code err;
  const opened o = until_done(*f, direction::read, err, [f] { return accept_connection(f->fd); });
  if (err) return fail(err);
  return make_object<T>(o.fd, kind);
}

}  // namespace goro::detail
