#include "poll/poller.hpp"

#include "os/clock.hpp"
#include "poll/poll_desc.hpp"
#include "sched/turn.hpp"
#include "sched/woken_list.hpp"

namespace goro::detail {

constinit std::atomic<std::int64_t> g_poll_waiters{0};
constinit poll_counters g_poll_counters;

namespace {

constinit epoll g_epoll;
constinit lock g_open_lock;
constinit std::atomic<bool> g_open{false};
constinit std::atomic<std::int64_t> g_last_look{0};
// How many registrations there have been. Of the edge from who has made a descriptor to who gets its event
// only the kernel knows; this says it in the language's terms.
constinit std::atomic<std::uint64_t> g_registered{0};
constinit std::atomic<bool> g_looking{
    false};  // one at a time: the others would only fight for the kernel's lock

// Returns 0 or the error.
int open_poller() noexcept {
  if (g_open.load(std::memory_order_acquire)) return 0;  // pairs with the store below
  const lock_guard guard(g_open_lock);
  if (g_open.load(std::memory_order_relaxed)) return 0;
  if (const int error = g_epoll.open(); error != 0) return error;
  g_open.store(true, std::memory_order_release);
  return 0;
}

// A system call has just been made: beside that it costs nothing.
void count(std::atomic<std::uint64_t>& calls, std::size_t events) noexcept {
  calls.fetch_add(1, std::memory_order_relaxed);
  if (events != 0) g_poll_counters.events.fetch_add(events, std::memory_order_relaxed);
}

void see_registrations() noexcept {
  static_cast<void>(g_registered.load(std::memory_order_acquire));  // pairs with poller_add()
}

// The address and the tag of a registration in one word. Addresses have 48 bits, the last six of which are 0.
std::uint64_t mark_of(const poll_desc& d) noexcept {
  return reinterpret_cast<std::uintptr_t>(&d) << 16 | (d.tag & 0xffffU);
}
poll_desc& desc_of(std::uint64_t mark) noexcept {
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  return *reinterpret_cast<poll_desc*>(mark >> 16);
}

void note_event(poll_desc::side& s, woken_list& woken) noexcept {
  s.events.store(s.events.load(std::memory_order_relaxed) + 1,
                 std::memory_order_release);  // pairs with count_events()
  wake_all(s, woken);
}

void deliver_one(machine* mp, const readiness& r) noexcept {
  poll_desc& d = desc_of(r.mark);
  woken_list woken;
  {
    const lock_guard guard(d.guard);
    if (mark_of(d) != r.mark) return;  // of an earlier registration
    if ((r.events & (k_read_events & ~EPOLLIN)) != 0) d.eager.store(true, std::memory_order_relaxed);
    if ((r.events & k_read_events) != 0) note_event(d.at(direction::read), woken);
    if ((r.events & k_write_events) != 0) note_event(d.at(direction::write), woken);
  }
  woken.ready_all(mp);
}

// Behind those who wait in the global queue, if there are any, or if the machine's own is full and would
// overflow into it: who is put there while new ones keep the P busy waits for a hundred times as long as they
// do.
machine* place_for(machine* mp, std::size_t events) noexcept {
  return mp && sched.global.size() == 0 && mp->pp->queue.room() > events ? mp : nullptr;
}

}  // namespace

bool poll_is_due() noexcept {
  return anybody_polls() && now_ns() - g_last_look.load(std::memory_order_relaxed) >= k_poll_period;
}

std::size_t poll_now(machine* mp) noexcept {
  if (g_looking.exchange(true, std::memory_order_acquire)) return 0;  // pairs with the store below
  poll_batch batch;
  batch.size = g_epoll.look(batch.found);
  see_registrations();
  count(g_poll_counters.looks, batch.size);
  g_last_look.store(now_ns(), std::memory_order_relaxed);
  g_looking.store(false, std::memory_order_release);
  deliver(mp, batch);
  return batch.size;
}

void sleep_in_poller(poll_batch& batch, const time_point* deadline) noexcept {
  batch.size = g_epoll.sleep(batch.found, deadline);
  count(g_poll_counters.sleeps, batch.size);
  see_registrations();
  g_last_look.store(now_ns(), std::memory_order_relaxed);
}

void wake_poller() noexcept { g_epoll.wake(); }

void deliver(machine* mp, const poll_batch& batch) noexcept {
  trace_poll(mp, batch.size);
  mp = place_for(mp, batch.size);
  for (std::size_t i = 0; i != batch.size; ++i) deliver_one(mp, batch.found[i]);
}

int poller_add(poll_desc& d) noexcept {
  if (const int error = open_poller(); error != 0) return error;
  g_registered.fetch_add(1, std::memory_order_release);  // pairs with see_registrations()
  return g_epoll.add(d.fd, mark_of(d));
}
int poller_renew(poll_desc& d) noexcept { return g_epoll.renew(d.fd, mark_of(d)); }
void poller_remove(poll_desc& d) noexcept { g_epoll.remove(d.fd); }

}  // namespace goro::detail
