// A weighted semaphore.
#pragma once

#include <concepts>
#include <cstdint>
#include <list>
#include <system_error>

#include <goro/chan.hpp>
#include <goro/context.hpp>
#include <goro/mutex.hpp>

namespace goro {

// Holds n permits, of which each acquire takes some and each release gives some back. Requests are served
// strictly in the order of their arrival: a large one at the front is not overtaken by smaller ones. A
// request for more than n waits only for its context, and holds up nobody. release() happens before the
// return of the acquire that it lets go on. From goroutines and plain threads alike.
// (x/sync/semaphore.Weighted)
class semaphore {
 public:
  // Throws panic if n is negative.
  template <std::integral N>
    requires(!std::same_as<N, bool>)
  explicit semaphore(N n) : size_(checked(static_cast<std::int64_t>(n))) {}
  semaphore(const semaphore&) = delete;
  semaphore& operator=(const semaphore&) = delete;

  // Blocks until n permits are the caller's. Throws panic if n is negative.
  void acquire(std::int64_t n = 1);

  // The same, or until the context is done: then returns its err(), and holds nothing; also if it is done at
  // the beginning, or at the moment of the grant.
  [[nodiscard]] std::error_code acquire(const context& ctx, std::int64_t n = 1);

  // Takes n permits if they are free and nobody waits. Does not block. Throws panic if n is negative.
  [[nodiscard]] bool try_acquire(std::int64_t n = 1);

  // Gives n permits back. Does not block for long. Throws panic "semaphore: released more than held", and if
  // n is negative.
  void release(std::int64_t n = 1);

 private:
  struct waiter {
    std::int64_t n;
    chan<unit> granted;  // closed then
  };

  static std::int64_t checked(std::int64_t n);
  bool take(std::int64_t n) noexcept;
  void serve();

  mutex guard_;
  std::int64_t size_;
  std::int64_t held_ = 0;
  std::list<waiter> waiters_;
};

}  // namespace goro
