// Timers, tickers and after().
//
// A timer_state is what a `timer` or `ticker` refers to: a node of the heap, and what its firing does.
//
//   channel_timer  sends to a channel, which is part of it: one block, counted as channels are. A `timer` or
//                  `ticker` has one reference, each handle of the channel another; of after() there are only
//                  those. The heap has none: whoever gives the last one up takes the node out first.
//   func_timer     calls a function. It is counted: by its handle, by the heap while the node is armed, and
//                  by each goroutine that runs its function. The heap's reference stays counted, as `spare`,
//                  when the node is taken out of it.
//
// Rules:
//   * stop and reset exclude each other by `guard`; the firing does not take it. Whoever holds it gets the
//     node idle: out of the heap, or its firing waited for, which takes some instructions. A ticker's firing
//     arms the node again, so that is looked for until one of the two is found.
//   * then nothing can come into the channel any more, and what is there is discarded. Hence nobody
//     receives a value of an earlier setting (TIME-06, TIME-07), and a value that was there counts as a
//     firing that was prevented.
//   * a stop that takes the node of a timer of one firing out of its heap needs no guard: the timer has sent
//     nothing since it was set, and a reset that runs meanwhile finds the node as if it had been stopped
//     before. That is how most timers end; the guard cost a compare-and-swap, 7 of 94 ns of a timeout that
//     does not happen.
//   * a timer that is never due is in no heap; it counts in `endless_sleeps`: who waits for it is no
//     deadlock.
//
// Order of locks: `guard`, then a heap's or the channel's.
#include <goro/time.hpp>

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <type_traits>
#include <utility>

#include <goro/error.hpp>

#include <goro/detail/atomics.hpp>
#include "diag/fatal.hpp"
#include "os/clock.hpp"
#include "sched/turn.hpp"

namespace goro::detail {

enum class timer_kind : std::uint8_t { once, ticks, calls };

void fire_timer(timer_node& n);

struct timer_state : timer_node {
  explicit timer_state(timer_kind k) noexcept : kind(k) { fire = fire_timer; }
  lock guard;                // of period, endless, and of who may arm
  clock::duration period{};  // of a ticker
  bool endless = false;
  const timer_kind kind;  // calls: it is a func_timer; else a channel_timer
};

namespace {

struct channel_timer : timer_state, chan_core {
  explicit channel_timer(clock::duration tick) noexcept
      : timer_state(tick == clock::duration::zero() ? timer_kind::once : timer_kind::ticks) {
    period = tick;
    ops = &ops_of<time_point>();
    capacity = 1;
    buffer = reinterpret_cast<std::byte*>(&element);
    of_timer = true;
  }
  time_point element;  // the channel's buffer

  // From the P's cache; a plain thread's from where that gets them. Called within an entry.
  static void* operator new(std::size_t) {
    machine* const mp = current_machine();
    return has_cache(mp) ? mp->pp->channel_timers.get() : new_block(k_channel_timer_bytes);
  }
  static void operator delete(void* block) noexcept {
    if (sched.forked.load(std::memory_order_relaxed)) return std::free(block);  // a child may end it, no more
    const runtime_entry entry;
    has_cache(entry.mp()) ? entry.mp()->pp->channel_timers.put(block) : std::free(block);
  }

 private:
  static bool has_cache(const machine* mp) noexcept { return mp && mp->pp; }
};
static_assert(sizeof(channel_timer) == k_channel_timer_bytes &&
              alignof(channel_timer) <= alignof(std::max_align_t));
static_assert(std::is_trivially_destructible_v<time_point>, "what is buffered may be forgotten");

struct func_timer : timer_state {
  func_timer(std::unique_ptr<timer_action> function, std::source_location made_at) noexcept
      : timer_state(timer_kind::calls), action(std::move(function)), where(made_at) {}
  std::atomic<std::uint32_t> refs{2};
  bool spare = true;  // the heap's reference is not in use; guarded
  std::unique_ptr<timer_action> action;
  std::source_location where;
};

// --- firing ---

// Dropped if the one before was not received.
void send_tick(channel_timer& t) noexcept {
  time_point due = t.when;
  chan_send(&t, &due, {.wait = false});
}

// The next tick on the grid after now.
void arm_next_tick(channel_timer& t) {
  const time_point due = t.when;
  const auto missed = (now() - due) / t.period;
  const bool endless = (time_point::max() - due) / t.period <= missed + 1;
  t.when = endless ? time_point::max() : due + t.period * (missed + 1);
  rearm_timer(t);  // from now on anybody may stop it
}

void hold(func_timer& t) noexcept { t.refs.fetch_add(1, std::memory_order_relaxed); }

void give_up(func_timer* t, std::uint32_t refs) noexcept {
  // Release: what was done to it happens before its end; acquire: by whoever ends it.
  if (t->refs.load(std::memory_order_acquire) == refs ||
      t->refs.fetch_sub(refs, std::memory_order_acq_rel) == refs)
    delete t;
}

// Runs the function of a timer, in a goroutine of its own. Takes over a reference.
class running_action {
 public:
  explicit running_action(func_timer& t) noexcept : t_(&t) {}
  running_action(running_action&& other) noexcept : t_(std::exchange(other.t_, nullptr)) {}
  ~running_action() {
    if (t_) give_up(t_, 1);
  }
  void operator()() const {
    {
      const race_hidden hidden;
      race_acquire(t_);
    }
    t_->action->run();
  }

 private:
  func_timer* t_;
};

// Holds the heap's reference.
void call(func_timer& t) {
  running_action action(t);
  t.finish();
  try {
    spawn<running_action>(nullptr, t.where, std::move(action));
  } catch (const std::bad_alloc&) {
    fatal("goro: no memory to start the function of a timer");
  }
}

// --- arming and stopping; the guard is held, or nobody else knows the timer ---

void put_into_heap(channel_timer& t) {
  race_release(t.buffer);  // what precedes this is seen by who receives (MM-17)
  arm_timer(t);
}

void put_into_heap(func_timer& t) {
  race_release(&t);  // ... by the function
  if (!std::exchange(t.spare, false)) hold(t);
  try {
    arm_timer(t);
  } catch (...) {
    t.spare = true;
    throw;
  }
}

void arm(timer_state& s, time_point when) {
  if (when == time_point::max()) {
    s.endless = true;
    sched.endless_sleeps.fetch_add(1, std::memory_order_release);  // pairs with report_deadlock()
    return;
  }
  s.when = when;
  s.kind == timer_kind::calls ? put_into_heap(static_cast<func_timer&>(s))
                              : put_into_heap(static_cast<channel_timer&>(s));
}

// One that is never due is in no heap. True if it was such a one.
bool end_endless(timer_state& s) noexcept {
  if (!std::exchange(s.endless, false)) return false;
  sched.endless_sleeps.fetch_sub(1, std::memory_order_release);
  return true;
}

bool is_idle(const timer_state& s) noexcept {
  return s.status.load(std::memory_order_acquire) ==
         timer_node::state::idle;  // pairs with finish(), disarm()
}

// Takes the node out of its heap, or waits for its firing. True if a firing was prevented.
bool take_out(timer_state& s) noexcept {
  unsigned spins = 0;
  for (;;) {
    if (timer_heap::disarm(s)) return true;
    if (is_idle(s)) return false;
    real_atomics::backoff(spins);
  }
}

bool stop_guarded(timer_state& s) noexcept {
  if (end_endless(s)) return true;
  const bool prevented = take_out(s);
  if (s.kind != timer_kind::calls) return chan_discard(&static_cast<channel_timer&>(s)) || prevented;
  if (prevented) static_cast<func_timer&>(s).spare = true;
  return prevented;
}

// `make` is called within the entry. What fails ends after it: its end may be code of the program.
template <class Timer, class Make>
Timer* start_timer(Make make, time_point when) {
  ensure_started();
  std::unique_ptr<Timer> t;
  {
    const runtime_entry entry;
    t = make();
    arm(*t, when);
  }
  ensure_machine();
  return t.release();
}

channel_timer* make_channel_timer(time_point when, clock::duration period) {
  return start_timer<channel_timer>([period] { return std::make_unique<channel_timer>(period); }, when);
}

}  // namespace

void fire_timer(timer_node& n) {
  auto& s = static_cast<timer_state&>(n);
  if (s.kind == timer_kind::calls) return call(static_cast<func_timer&>(s));
  auto& t = static_cast<channel_timer&>(s);
  send_tick(t);
  s.kind == timer_kind::ticks ? arm_next_tick(t) : t.finish();
}

timer_state* make_timer(time_point when, clock::duration period) { return make_channel_timer(when, period); }

timer_state* make_func_timer(time_point when, std::unique_ptr<timer_action> action,
                             std::source_location where) {
  auto made = std::make_unique<func_timer>(std::move(action), where);
  return start_timer<func_timer>([&made] { return std::move(made); }, when);
}

recv_chan<time_point> after_at(time_point deadline) {
  return recv_chan_of<time_point>(make_channel_timer(deadline, {}));
}

bool stop_timer(timer_state& s) noexcept {
  const runtime_entry entry;
  if (s.kind == timer_kind::once && timer_heap::disarm(s)) return true;
  const lock_guard guard(s.guard, entry.places());
  return stop_guarded(s);
}

bool reset_timer(timer_state& s, time_point when, clock::duration period) {
  const runtime_entry entry;
  const lock_guard guard(s.guard, entry.places());
  const bool was_active = stop_guarded(s);
  s.period = period;
  arm(s, when);
  return was_active;
}

// Nobody else uses the handle now: no guard.
void end_timer(timer_state* s) noexcept {
  if (s->kind == timer_kind::calls) {  // its function is called also without a handle
    auto* const t = static_cast<func_timer*>(s);
    end_endless(*t);
    return give_up(t, t->spare ? 2 : 1);
  }
  auto* const t = static_cast<channel_timer*>(s);
  if (t->endless || !is_idle(*t) || t->count.load(std::memory_order_relaxed) != 0) {
    const runtime_entry entry;
    stop_guarded(*t);
  }
  release(t);
}

// The last reference to a channel of a timer is gone. That of after() may still be armed, or be sending at
// this moment.
void destroy_timer_of(chan_core& c) noexcept {
  const std::unique_ptr<channel_timer> t(static_cast<channel_timer*>(&c));
  if (!end_endless(*t) && !is_idle(*t)) {
    const runtime_entry entry;
    take_out(*t);
  }
  c.guard.wait_until_free();
}

recv_chan<time_point> channel_of(timer_state* s) noexcept {
  if (!s || s->kind == timer_kind::calls) return {};
  chan_core* const c = static_cast<channel_timer*>(s);
  retain(c);
  return recv_chan_of<time_point>(c);
}

clock::duration checked_period(clock::duration d, const char* text) {
  if (d <= clock::duration::zero()) throw panic(text);
  return d;
}

void throw_unset_timer(const char* what) { throw panic(what); }

}  // namespace goro::detail
