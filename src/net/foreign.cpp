// Waiting for descriptors that belong to somebody else.
//
// The kernel's list has room for a descriptor once, so those who wait for one share an entry, which is there
// as long as anybody waits: its owner may close it afterwards without our knowing.
//
// What an event of the past made possible somebody may have used up since, or not. So the try of
// poll_desc.hpp is here to ask the kernel whether it is possible now.
#include <goro/net.hpp>

#include <cerrno>
#include <mutex>
#include <unordered_map>

#include "net/fd.hpp"
#include "os/epoll.hpp"
#include "poll/poller.hpp"

namespace goro::net {

namespace {

using detail::direction;
using detail::poll_desc;

struct shared_desc {
  poll_desc* desc = nullptr;
  int users = 0;
};

struct table {
  mutex guard;
  std::unordered_map<int, shared_desc> entries;
};

// Never destroyed: goroutines may wait until the process is gone.
table& all() {
  static auto& t = *new table;
  return t;
}

class entry {
 public:
  explicit entry(int fd) : fd_(fd) {
    table& t = all();
    const std::lock_guard held(t.guard);
    shared_desc& d = t.entries[fd];
    if (!d.desc) {
      d.desc = detail::open_poll_desc(fd, error_);
    } else if (const int error = renew(*d.desc); error != 0) {
      error_ = detail::os_error(error);
      return;
    }
    if (error_) {
      t.entries.erase(fd);
      return;
    }
    desc_ = d.desc;
    ++d.users;
  }

  ~entry() {
    if (!desc_) return;
    table& t = all();
    const std::lock_guard held(t.guard);
    const auto at = t.entries.find(fd_);
    if (--at->second.users != 0) return;
    t.entries.erase(at);
    detail::close_poll_desc(desc_);
  }
  entry(const entry&) = delete;
  entry& operator=(const entry&) = delete;

  std::error_code error() const noexcept { return error_; }
  poll_desc& desc() const noexcept { return *desc_; }

 private:
  // The number may mean another file by now: the kernel has taken the former one out of its list by itself.
  static int renew(poll_desc& d) noexcept {
    const int error = detail::poller_renew(d);
    return error == ENOENT ? detail::poller_add(d) : error;
  }

  const int fd_;
  poll_desc* desc_ = nullptr;
  std::error_code error_;
};

std::error_code wait(int fd, direction dir, time_point deadline) {
  const entry e(fd);
  if (e.error() == std::errc::operation_not_permitted) return {};  // its kind is always ready
  if (e.error()) return e.error();
  for (;;) {
    if (deadline != detail::k_no_deadline && deadline <= clock::now()) return errc::timed_out;
    const std::uint32_t seen = detail::count_events(e.desc(), dir);
    if (detail::is_possible(fd, dir == direction::read ? detail::k_read_events : detail::k_write_events))
      return {};
    if (const std::error_code err = detail::wait_ready(e.desc(), dir, seen, deadline)) return err;
  }
}

}  // namespace

std::error_code wait_readable(int fd, time_point deadline) { return wait(fd, direction::read, deadline); }
std::error_code wait_writable(int fd, time_point deadline) { return wait(fd, direction::write, deadline); }

}  // namespace goro::net
