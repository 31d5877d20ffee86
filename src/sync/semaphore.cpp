// The semaphore: a list of requests in order of arrival, each with a channel that is closed when it is
// granted, so that a wait for a grant or for the end of a context is an ordinary select.
//
// A request leaves the list when it is granted, by who gives permits back, or when its context is done, by
// itself; then those behind it may have become possible.
#include <goro/semaphore.hpp>

#include <mutex>

#include <goro/error.hpp>
#include <goro/go.hpp>
#include <goro/select.hpp>

namespace goro {

std::int64_t semaphore::checked(std::int64_t n) {
  if (n < 0) throw panic("goro: a semaphore's count is negative");
  return n;
}

// Takes the permits if they are free and nobody waits. The mutex is held.
bool semaphore::take(std::int64_t n) noexcept {
  if (!waiters_.empty() || n > size_ - held_) return false;
  held_ += n;
  return true;
}

// Grants what can be granted, in order. The mutex is held.
void semaphore::serve() {
  while (!waiters_.empty() && waiters_.front().n <= size_ - held_) {
    held_ += waiters_.front().n;
    waiters_.front().granted.close();
    waiters_.pop_front();
  }
}

void semaphore::acquire(std::int64_t n) {
  if (checked(n) > size_) block_forever();
  chan<unit> granted{nullptr};
  {
    const std::lock_guard held(guard_);
    if (take(n)) return;
    granted = waiters_.emplace_back(waiter{n, chan<unit>()}).granted;
  }
  granted.recv();
  const std::lock_guard left(guard_);  // who has granted it may be in there; after this nobody is
}

std::error_code semaphore::acquire(const context& ctx, std::int64_t n) {
  checked(n);
  if (const std::error_code err = ctx.err()) return err;
  recv_case canceled{ctx.done()};
  if (n > size_) {
    select(canceled);
    return ctx.err();
  }
  recv_case<unit> granted;
  std::list<waiter>::iterator self;
  {
    const std::lock_guard held(guard_);
    if (take(n)) return {};
    self = waiters_.insert(waiters_.end(), waiter{n, chan<unit>()});
    granted.arm(self->granted);
  }
  select(granted, canceled);
  const std::error_code err = ctx.err();
  const std::lock_guard held(guard_);  // whoever has granted it has left
  if (!err) return {};
  // Granted at the same moment: then it has left the list, and its permits go on to others.
  if (granted || try_select(granted)) {
    held_ -= n;
  } else {
    waiters_.erase(self);
  }
  serve();
  return err;
}

bool semaphore::try_acquire(std::int64_t n) {
  const std::lock_guard held(guard_);
  return take(checked(n));
}

void semaphore::release(std::int64_t n) {
  const std::lock_guard held(guard_);
  if (checked(n) > held_) throw panic("semaphore: released more than held");
  held_ -= n;
  serve();
}

}  // namespace goro
