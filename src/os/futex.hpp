// The kernel's wait on a word, private to the process.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdint>

#include <goro/clock.hpp>

namespace goro::detail {

// Sleeps while word == expected; may return early for no reason. The deadline is on the monotonic clock.
inline void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t expected,
                       const time_point* deadline = nullptr) noexcept {
  timespec ts{};
  if (deadline) {
    const auto ns =
        std::chrono::duration_cast<std::chrono::nanoseconds>(deadline->time_since_epoch()).count();
    ts.tv_sec = static_cast<time_t>(ns / 1'000'000'000);
    ts.tv_nsec = static_cast<long>(ns % 1'000'000'000);
  }
  const int saved = errno;  // that it was woken early is nobody's business
  ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, expected, deadline ? &ts : nullptr, nullptr,
            FUTEX_BITSET_MATCH_ANY);
  errno = saved;
}

// Wakes up to n sleepers. Touches only the address, not the memory: the word may be gone already.
inline void futex_wake(std::atomic<std::uint32_t>* word, int n) noexcept {
  ::syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n, nullptr, nullptr, 0);
}

// A flag that one thread sleeps on until another sets it.
class note {
 public:
  // Forgets an earlier set. Only while nobody can set it.
  void clear() noexcept { word_.store(0, std::memory_order_relaxed); }

  bool is_set() const noexcept { return word_.load(std::memory_order_acquire) != 0; }  // pairs with set()

  // What precedes the call is visible to the sleeper. The note may be gone when this returns.
  void set() noexcept {
    word_.store(1, std::memory_order_release);  // pairs with is_set()
    futex_wake(&word_, 1);
  }

  // Sleeps until the note is set; false if the deadline comes first.
  bool sleep(const time_point* deadline = nullptr) noexcept {
    while (!is_set()) {
      if (deadline && clock::now() >= *deadline) return false;
      futex_wait(word_, 0, deadline);
    }
    return true;
  }

 private:
  std::atomic<std::uint32_t> word_{0};
};

}  // namespace goro::detail
