// Who learns from the kernel that descriptors are ready.
//
//   a machine that runs out of work, or has had enough of it for a millisecond, looks without sleeping
//   the sentinel, or who has run out of work beside a watcher, sleeps in here, if nobody else looks
//   (sched/rest.cpp)
//   sysmon looks when nobody has for a millisecond: those who hold a P compute
//
// Whoever gets an event makes its waiters ready.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include <goro/clock.hpp>

#include "os/epoll.hpp"

namespace goro::detail {

struct machine;
struct poll_desc;

// How many goroutines and threads wait for a descriptor, or are about to.
extern std::atomic<std::int64_t> g_poll_waiters;
// Then the poller is open, and whoever has asked may look into it.
inline bool anybody_polls() noexcept {
  return g_poll_waiters.load(std::memory_order_acquire) != 0;  // pairs with poll_waiter
}

// So long may events wait while all who hold a P have other work.
inline constexpr std::int64_t k_poll_period = 1'000'000;  // ns

// Has nobody looked for so long, though somebody waits?
bool poll_is_due() noexcept;

// For stats().
struct poll_counters {
  std::atomic<std::uint64_t> looks{0}, sleeps{0}, events{0};
};
extern poll_counters g_poll_counters;

struct poll_batch {
  std::array<readiness, epoll::k_batch> found;
  std::size_t size = 0;
};

// Looks once, and makes ready who can go on; on a machine, or a thread of the runtime (null). How many events
// there were.
std::size_t poll_now(machine* mp) noexcept;

// Sleeps until something has become possible, wake_poller() is called, or the deadline comes. One at a time.
void sleep_in_poller(poll_batch& batch, const time_point* deadline) noexcept;
void wake_poller() noexcept;
// Makes ready whom the events are for.
void deliver(machine* mp, const poll_batch& batch) noexcept;

// Of the kernel's list; 0 or an error.
int poller_add(poll_desc& d) noexcept;
int poller_renew(poll_desc& d) noexcept;
void poller_remove(poll_desc& d) noexcept;

}  // namespace goro::detail
