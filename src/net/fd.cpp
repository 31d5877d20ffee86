#include "net/fd.hpp"

#include <array>
#include <memory>

#include <goro/error.hpp>

#include "sched/scheduler.hpp"

namespace goro::detail {

namespace {

// A preemption point; what goro does for the operation itself is outside of it.
void pass_by() noexcept { const runtime_entry entry; }

// The last operation on a closed descriptor has ended.
void release_descriptor(net_fd* f) noexcept {
  if (f->poll) close_poll_desc(f->poll);
  close_descriptor(f->fd);
  drop_ref(f);
}

}  // namespace

void drop_ref(net_fd* f) noexcept {
  // Release: what its users did happens before its end; acquire: by whoever ends it.
  if (f->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) delete f;
}

void net_fd_closer::operator()(net_fd* f) const noexcept {
  static_cast<void>(close_fd(f));
  drop_ref(f);
}

fd_use::fd_use(net_fd* f) noexcept {
  if (!f) return;
  std::uint32_t n = f->uses.load(std::memory_order_acquire);  // pairs with close_fd()
  do {
    if ((n & net_fd::k_closed) != 0) return;
  } while (!f->uses.compare_exchange_weak(n, n + 1, std::memory_order_acquire));  // and this with it, too
  f_ = f;
  pass_by();
}

void fd_use::end() noexcept {
  // Release: what was done with the descriptor happens before its end; acquire: by whoever ends it.
  if (f_->uses.fetch_sub(1, std::memory_order_acq_rel) == (net_fd::k_closed | 1)) release_descriptor(f_);
}

result<net_fd_handle> make_net_fd(int fd, fd_kind kind) {
  auto f = std::make_unique<net_fd>();
  f->fd = fd;
  f->kind = kind;
  std::error_code error;
  f->poll = open_poll_desc(fd, error);
  if (!f->poll && error != std::errc::operation_not_permitted) return fail(error);
  return net_fd_handle(f.release());
}

std::error_code close_fd(net_fd* f) noexcept {
  if (!f) return errc::closed;
  // Acquire and release: see fd_use::end(); and who finds it closed sees what was before.
  const std::uint32_t before = f->uses.fetch_or(net_fd::k_closed, std::memory_order_acq_rel);
  if ((before & net_fd::k_closed) != 0) return errc::closed;
  // As long as the kernel's descriptor is open nobody else can bind the name. One that begins with '@' is
  // none of a file.
  if (!f->path.empty() && f->path.front() != '@') remove_file(f->path.c_str());
  if (f->poll) set_closing(*f->poll);
  if (f->uses.fetch_sub(1, std::memory_order_acq_rel) == (net_fd::k_closed | 1)) release_descriptor(f);
  return {};
}

std::error_code set_deadlines(net_fd* f, time_point when, bool reads, bool writes) noexcept {
  const fd_use use(f);
  if (!use) return errc::closed;
  if (!f->poll) return errc::no_deadline;
  if (reads) set_deadline(*f->poll, direction::read, when);
  if (writes) set_deadline(*f->poll, direction::write, when);
  return {};
}

namespace {

// After a read that was shorter than it might have been a TCP socket is empty, and there will be an event
// when it is not any more: to try again would only tell so, at the price of a system call. Not if the stream
// has ended or there is urgent data, which the poller knows by then.
std::error_code wait_if_drained(net_fd& f) {
  if (!std::exchange(f.drained, false) || f.poll->eager.load(std::memory_order_relaxed)) return {};
  if (f.read_closed.load(std::memory_order_relaxed)) return {};
  return wait_for(f, direction::read);
}

}  // namespace

io_result read_fd(net_fd* f, std::span<std::byte> to) {
  const fd_use use(f);
  if (!use) return {.n = 0, .err = errc::closed};
  if (to.empty()) return {};  // NET-13: what does not wait heeds no deadline, and nobody who waits
  const std::lock_guard held(f->reading);
  std::error_code err = may_begin(*f, direction::read);
  if (!err) err = wait_if_drained(*f);
  if (err) return {.n = 0, .err = err};
  const transfer t = until_done(*f, direction::read, err, [&] {
    // Acquire: pairs with close_read().
    return f->read_closed.load(std::memory_order_acquire) ? transfer() : read_bytes(f->fd, to);
  });
  f->drained = f->kind == fd_kind::tcp && !err && t.n != 0 && t.n < to.size();
  return {.n = t.n, .err = err};
}

namespace {

// What is left of several pieces, in the kernel's terms, some at a time.
class remainder {
 public:
  explicit remainder(std::span<const std::span<const std::byte>> pieces) noexcept : pieces_(pieces) {
    skip(0);
  }

  bool empty() const noexcept { return pieces_.empty(); }

  std::span<const iovec> next() noexcept {
    std::size_t n = 0;
    std::size_t from = offset_;
    for (const auto& piece : pieces_.first(std::min(pieces_.size(), batch_.size()))) {
      const auto rest = piece.subspan(from);
      batch_[n++] = {.iov_base = const_cast<std::byte*>(rest.data()), .iov_len = rest.size()};  // NOLINT
      from = 0;
    }
    return {batch_.data(), n};
  }

  void skip(std::size_t n) noexcept {
    offset_ += n;
    while (!pieces_.empty() && offset_ >= pieces_.front().size()) {
      offset_ -= pieces_.front().size();
      pieces_ = pieces_.subspan(1);
    }
  }

 private:
  std::span<const std::span<const std::byte>> pieces_;
  std::size_t offset_ = 0;  // of the first of them, that was written
  // The header of an HTTP message has a piece for each of its fields.
  std::array<iovec, 64> batch_;
};

}  // namespace

io_result write_fd(net_fd* f, std::span<const std::span<const std::byte>> pieces) {
  const fd_use use(f);
  if (!use) return {.n = 0, .err = errc::closed};
  const std::lock_guard held(f->writing);
  io_result done{.n = 0, .err = may_begin(*f, direction::write)};
  for (remainder left(pieces); !done.err && !left.empty();) {
    const std::span<const iovec> some = left.next();
    const transfer t = until_done(*f, direction::write, done.err, [&] {
      if (some.size() > 1) return write_pieces(f->fd, some, f->os_kind());
      return write_bytes(f->fd, {static_cast<const std::byte*>(some[0].iov_base), some[0].iov_len},
                         f->os_kind());
    });
    done.n += t.n;
    left.skip(t.n);
  }
  return done;
}

}  // namespace goro::detail
