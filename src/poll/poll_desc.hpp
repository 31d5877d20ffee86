// A descriptor that goroutines and threads wait for.
//
// Readiness is edge triggered: the kernel says once that something has become possible. Each side (reading,
// writing) counts what it says:
//
//   waiter:  note the count; try; would block: take the lock; another count? try again; else wait
//   (waiter.hpp) event:   take the lock; count; let all who wait go on
//
// Whatever becomes possible after a try leads to an event after the count was noted, and the lock puts that
// before or behind the waiter's look: no readiness is lost. One that is out of date costs a try in vain.
//
// Deadlines, closing and cancelling change a word under the lock and let all who wait look again; they wait
// on with the new deadline. So each wait has a timer of its own, on the waiter's stack, and there is none to
// be changed from outside.
//
// Descriptors of this kind are never freed, only used again, because an event may be on its way: it carries
// the tag of the registration for which it was meant, and a wrong one is dropped under the lock (NET-16).
//
// Order of locks: the guard here contains that of a timer heap and the scheduler's.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <system_error>

#include <goro/clock.hpp>
#include <goro/detail/chan_core.hpp>
#include <goro/detail/lock.hpp>

namespace goro::detail {

enum class direction : std::uint8_t { read, write };

// No deadline, as in net.hpp.
inline constexpr time_point k_no_deadline{};

struct alignas(64) poll_desc {
  lock guard;
  std::uint32_t tag = 1;  // of the present registration, or of the next one; guarded
  int fd = -1;
  // Written under the guard; read without it before each try.
  std::atomic<bool> closing{false};
  std::atomic<int> cancels{0};     // by how many contexts it is cancelled
  std::uint32_t cancel_count = 0;  // how often it was; guarded. A wait that sees it change was cancelled, too
  // The peer has ended, or sent urgent data: a short read is not the last one.
  std::atomic<bool> eager{false};

  struct side {
    std::atomic<time_point> deadline{k_no_deadline};
    std::atomic<std::uint32_t> events{0};  // how many there have been; written under the guard
    wait_queue waiters;
  };
  std::array<side, 2> sides;
  poll_desc* next_free = nullptr;

  side& at(direction d) noexcept { return sides[static_cast<std::size_t>(d)]; }
  const side& at(direction d) const noexcept { return sides[static_cast<std::size_t>(d)]; }
};

// Takes one and registers the descriptor. Null with EPERM if its kind is always ready (a regular file), or
// with another error.
poll_desc* open_poll_desc(int fd, std::error_code& error);
// Nobody waits any more. The descriptor is still open.
void close_poll_desc(poll_desc* d) noexcept;

// May an operation begin? closed, canceled, or timed_out if the deadline has passed, even if it would not
// have to wait.
std::error_code check(const poll_desc& d, direction dir) noexcept;

// How many events there have been: to be noted before a try.
std::uint32_t count_events(const poll_desc& d, direction dir) noexcept;

// Blocks the caller, a goroutine or a thread, until there have been more events than `seen`, or one of the
// above; at most until a deadline of the call's own, if it has one.
std::error_code wait_ready(poll_desc& d, direction dir, std::uint32_t seen,
                           time_point own_deadline = k_no_deadline);

// Lets all who wait go on. The guard is held; they are made ready after its release.
class woken_list;
void wake_all(poll_desc::side& s, woken_list& woken) noexcept;

// The earlier of two deadlines, each of which may be none.
constexpr time_point earlier(time_point a, time_point b) noexcept {
  if (a == k_no_deadline) return b;
  if (b == k_no_deadline) return a;
  return a < b ? a : b;
}

void set_deadline(poll_desc& d, direction dir, time_point deadline) noexcept;
// False if it is so already.
bool set_closing(poll_desc& d) noexcept;
// Cancelled by one more context, or one less.
void set_canceled(poll_desc& d, bool canceled) noexcept;

}  // namespace goro::detail
