#include "poll/poll_desc.hpp"

#include <algorithm>
#include <cerrno>
#include <new>

#include <goro/error.hpp>

#include "os/clock.hpp"
#include "os/memory.hpp"
#include "poll/poller.hpp"
#include "sched/turn.hpp"
#include "sched/woken_list.hpp"

namespace goro::detail {

namespace {

// Those that are free, and where new ones come from.
struct pool {
  lock guard;
  poll_desc* free = nullptr;
};
constinit pool g_pool;
constexpr std::size_t k_chunk = 32;

poll_desc* take_desc() {
  {
    const lock_guard guard(g_pool.guard);
    if (poll_desc* d = g_pool.free) {
      g_pool.free = d->next_free;
      return d;
    }
  }
  auto* chunk = new poll_desc[k_chunk];  // never freed, see poll_desc.hpp
  const lock_guard guard(g_pool.guard);
  for (std::size_t i = 1; i != k_chunk; ++i) {
    chunk[i].next_free = g_pool.free;
    g_pool.free = &chunk[i];
  }
  return chunk;
}

void give_desc(poll_desc* d) noexcept {
  const lock_guard guard(g_pool.guard);
  d->next_free = g_pool.free;
  g_pool.free = d;
}

void reset(poll_desc& d, int fd) noexcept {
  d.fd = fd;
  d.closing.store(false, std::memory_order_relaxed);
  d.cancels.store(0, std::memory_order_relaxed);
  d.eager.store(false, std::memory_order_relaxed);
  d.registered = true;
  for (poll_desc::side& s : d.sides) {
    s.deadline.store(k_no_deadline, std::memory_order_relaxed);
    s.ready = false;
  }
}

// Lets all who wait on a side look again. The guard is held.
void disturb(poll_desc::side& s, woken_list& woken) noexcept {
  while (wait_node* n = dequeue(s.waiters)) {
    n->delivered = false;
    woken.add(*n);
  }
}

bool has_passed(time_point deadline) noexcept { return deadline != k_no_deadline && deadline <= now(); }

// From here on whoever sleeps sleeps in the poller. A plain thread has no P whose end of work would lead
// there.
class poll_waiter {
 public:
  explicit poll_waiter(const machine* mp) noexcept {
    // [MO-3]; not below, what comes of it is looked at. Pairs with anybody_polls(), too.
    g_poll_waiters.fetch_add(1, std::memory_order_seq_cst);
    if (mp) return;
    ensure_machine();
    notify_submit();
  }
  // Only now: between an event and the turn that it leads to, nobody is to believe that nothing happens.
  ~poll_waiter() { g_poll_waiters.fetch_sub(1, std::memory_order_release); }  // pairs with nothing_happens()
  poll_waiter(const poll_waiter&) = delete;
  poll_waiter& operator=(const poll_waiter&) = delete;
};

// The earlier of two, of which each may be none.
time_point earlier(time_point a, time_point b) noexcept {
  if (a == k_no_deadline) return b;
  if (b == k_no_deadline) return a;
  return std::min(a, b);
}

// One wait, the guard held, and released afterwards. True if there was an event.
enum class wait_end { event, disturbed, deadline };
wait_end wait_once(runtime_entry& entry, poll_desc& d, poll_desc::side& s, time_point deadline) {
  wait_node n;
  const time_point* limit = deadline == k_no_deadline ? nullptr : &deadline;
  if (!wait(entry, n, s.waiters, d.guard, place::last, limit, wait_reason::io_wait))
    return wait_end::deadline;
  return n.delivered ? wait_end::event : wait_end::disturbed;
}

std::error_code wait_side(poll_desc& d, direction dir, time_point own_deadline, const std::uint32_t* seen) {
  ensure_started();
  runtime_entry entry;
  const poll_waiter counted(entry.mp());
  poll_desc::side& s = d.at(dir);
  for (;;) {
    d.guard.acquire();
    std::error_code error = check(d, dir);
    if (!error && has_passed(own_deadline)) error = errc::timed_out;
    if (error || s.ready || (seen && *seen != s.events)) {
      s.ready = s.ready && error;
      d.guard.release();
      if (error) race_acquire(&d);
      return error;
    }
    const time_point limit = earlier(own_deadline, s.deadline.load(std::memory_order_relaxed));
    switch (wait_once(entry, d, s, limit)) {
      case wait_end::event:
        return {};
      case wait_end::deadline:
        return errc::timed_out;
      case wait_end::disturbed:
        break;
    }
  }
}

}  // namespace

poll_desc* open_poll_desc(int fd, std::error_code& error) {
  const race_hidden hidden;
  poll_desc* d = take_desc();
  int failed = 0;
  {
    const lock_guard guard(d->guard);
    reset(*d, fd);
    failed = poller_add(*d);
    d->registered = failed == 0;
  }
  if (failed == 0) return d;
  give_desc(d);
  error = std::error_code(failed, std::system_category());
  return nullptr;
}

void close_poll_desc(poll_desc* d) noexcept {
  const race_hidden hidden;
  {
    const lock_guard guard(d->guard);
    poller_remove(*d);
    d->registered = false;
    ++d->tag;
  }
  give_desc(d);
}

std::error_code check(const poll_desc& d, direction dir) noexcept {
  if (d.closing.load(std::memory_order_acquire)) return errc::closed;  // pairs with set_closing()
  if (d.cancels.load(std::memory_order_acquire) != 0) return errc::canceled;
  if (has_passed(d.sides[static_cast<std::size_t>(dir)].deadline.load(std::memory_order_relaxed)))
    return errc::timed_out;
  return {};
}

std::error_code wait_ready(poll_desc& d, direction dir) { return wait_side(d, dir, k_no_deadline, nullptr); }

std::error_code wait_ready_until(poll_desc& d, direction dir, const time_point& deadline,
                                 std::uint32_t seen) {
  return wait_side(d, dir, deadline, &seen);
}

std::uint32_t count_events(poll_desc& d, direction dir) noexcept {
  const lock_guard guard(d.guard);
  return d.at(dir).events;
}

void set_deadline(poll_desc& d, direction dir, time_point deadline) noexcept {
  runtime_entry entry;
  woken_list woken;
  {
    const lock_guard guard(d.guard);
    d.at(dir).deadline.store(deadline, std::memory_order_relaxed);
    disturb(d.at(dir), woken);
  }
  woken.ready_all(entry.mp());
}

bool set_closing(poll_desc& d) noexcept {
  runtime_entry entry;
  woken_list woken;
  {
    const lock_guard guard(d.guard);
    race_release(&d);
    if (d.closing.exchange(true, std::memory_order_release)) return false;
    for (poll_desc::side& s : d.sides) disturb(s, woken);
  }
  woken.ready_all(entry.mp());
  return true;
}

void set_canceled(poll_desc& d, bool canceled) noexcept {
  runtime_entry entry;
  woken_list woken;
  {
    const lock_guard guard(d.guard);
    d.cancels.fetch_add(canceled ? 1 : -1, std::memory_order_release);
    if (canceled) {
      for (poll_desc::side& s : d.sides) disturb(s, woken);
    }
  }
  woken.ready_all(entry.mp());
}

}  // namespace goro::detail
