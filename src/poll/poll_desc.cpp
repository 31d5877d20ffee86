#include "poll/poll_desc.hpp"

#include <new>
#include <optional>

#include <goro/error.hpp>

#include "os/clock.hpp"
#include "poll/poller.hpp"
#include "sched/fetch.hpp"
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
  for (poll_desc::side& s : d.sides) s.deadline.store(k_no_deadline, std::memory_order_relaxed);
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

}  // namespace

poll_desc* open_poll_desc(int fd, std::error_code& error) {
  const race_hidden hidden;
  poll_desc* d = take_desc();
  int failed = 0;
  {
    const lock_guard guard(d->guard);
    reset(*d, fd);
    failed = poller_add(*d);
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
    ++d->tag;
  }
  give_desc(d);
}

std::error_code check(const poll_desc& d, direction dir) noexcept {
  if (d.closing.load(std::memory_order_acquire)) return errc::closed;         // pairs with set_closing()
  if (d.cancels.load(std::memory_order_acquire) != 0) return errc::canceled;  // pairs with set_canceled()
  if (has_passed(d.at(dir).deadline.load(std::memory_order_relaxed))) return errc::timed_out;
  return {};
}

std::uint32_t count_events(const poll_desc& d, direction dir) noexcept {
  return d.at(dir).events.load(std::memory_order_acquire);  // pairs with deliver()
}

std::error_code wait_ready(poll_desc& d, direction dir, std::uint32_t seen, time_point own_deadline) {
  ensure_started();
  runtime_entry entry;
  const poll_waiter counted(entry.mp());
  poll_desc::side& s = d.at(dir);
  std::optional<std::uint32_t> cancels_before;
  for (;;) {
    d.guard.acquire();
    std::error_code error = check(d, dir);
    if (!error && cancels_before.value_or(d.cancel_count) != d.cancel_count) error = errc::canceled;
    cancels_before = d.cancel_count;
    if (!error && has_passed(own_deadline)) error = errc::timed_out;
    if (error || s.events.load(std::memory_order_relaxed) != seen) {
      d.guard.release();
      if (error) race_acquire(&d);
      return error;
    }
    const time_point limit = earlier(own_deadline, s.deadline.load(std::memory_order_relaxed));
    wait_node n;
    if (!wait(entry, n, s.waiters, d.guard, place::last, limit == k_no_deadline ? nullptr : &limit,
              wait_reason::io_wait))
      return errc::timed_out;
    if (entry.mp()) fetch_followers(entry.mp()->pp);
  }
}

void wake_all(poll_desc::side& s, woken_list& woken) noexcept {
  while (wait_node* n = dequeue(s.waiters)) woken.add(*n);
}

void set_deadline(poll_desc& d, direction dir, time_point deadline) noexcept {
  runtime_entry entry;
  woken_list woken;
  {
    const lock_guard guard(d.guard);
    d.at(dir).deadline.store(deadline, std::memory_order_relaxed);
    wake_all(d.at(dir), woken);
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
    for (poll_desc::side& s : d.sides) wake_all(s, woken);
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
      ++d.cancel_count;
      for (poll_desc::side& s : d.sides) wake_all(s, woken);
    }
  }
  woken.ready_all(entry.mp());
}

}  // namespace goro::detail
