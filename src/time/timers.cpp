// Timers and tickers.
//
// A timer_state is what a `timer` or `ticker` refers to: a node of the heap, and what its firing does. It is
// counted: by its handle, by the heap while the node is armed, and by each goroutine that runs its function.
// The heap's reference stays counted, as `spare`, when the node is taken out: most timers are stopped, and
// the count then never changes.
//
// Rules:
//   * stop and reset exclude each other by `guard`; the firing does not take it. Whoever holds it gets the
//   node
//     idle: out of the heap, or its firing waited for, which takes some instructions. A ticker's firing arms
//     the node again, so that is looked for until one of the two is found.
//   * then nothing can come into the channel any more, and what is there is discarded. Hence nobody receives
//   a
//     value of an earlier setting (TIME-06, TIME-07), and a value that was there counts as a firing that was
//     prevented.
//   * a timer that is never due is in no heap; it counts in `endless_sleeps`: who waits for it is no
//   deadlock.
//
// Order of locks: `guard`, then a heap's or the channel's.
#include <goro/time.hpp>

#include <new>
#include <utility>

#include <goro/error.hpp>

#include <goro/detail/atomics.hpp>
#include "os/clock.hpp"
#include "sched/turn.hpp"

namespace goro::detail {

struct timer_state : timer_node {
  lock guard;  // of period, endless, and of who may arm
  std::atomic<std::uint32_t> refs{2};
  bool spare = true;  // the heap's reference is not in use; guarded
  bool quiet = true;  // it is idle, and its channel empty, until it is armed; guarded
  recv_chan<time_point> in;
  clock::duration period{};  // of a ticker
  bool endless = false;
  std::unique_ptr<timer_action> action;
  std::source_location where;
};

namespace {

void hold(timer_state& s) noexcept { s.refs.fetch_add(1, std::memory_order_relaxed); }

void give_up(timer_state* s, std::uint32_t refs) noexcept {
  // Release: what was done to it happens before its end; acquire: by whoever ends it.
  if (s->refs.load(std::memory_order_acquire) == refs ||
      s->refs.fetch_sub(refs, std::memory_order_acq_rel) == refs)
    delete s;
}

// Runs the function of a timer, in a goroutine of its own. Takes over a reference.
class running_action {
 public:
  explicit running_action(timer_state& s) noexcept : s_(&s) {}
  running_action(running_action&& other) noexcept : s_(std::exchange(other.s_, nullptr)) {}
  ~running_action() {
    if (s_) give_up(s_, 1);
  }
  void operator()() const {
    {
      const race_hidden hidden;
      race_acquire(s_);
    }
    s_->action->run();
  }

 private:
  timer_state* s_;
};

// Dropped if the one before was not received.
void send_tick(timer_state& s) noexcept {
  time_point due = s.when;
  chan_send(core_of(s.in), &due, {.wait = false});
}

// The next tick on the grid after now.
void arm_next_tick(timer_state& s) {
  const time_point due = s.when;
  const auto missed = (now() - due) / s.period;
  const bool endless = (time_point::max() - due) / s.period <= missed + 1;
  s.when = endless ? time_point::max() : due + s.period * (missed + 1);
  rearm_timer(s);  // from now on anybody may stop it
}

// Called by the heap. Holds the heap's reference.
void fire_timer(timer_node& t) {
  auto& s = static_cast<timer_state&>(t);
  if (s.period != clock::duration::zero()) {
    send_tick(s);
    return arm_next_tick(s);  // the reference goes on
  }
  if (s.action) {
    running_action action(s);
    t.finish();
    spawn<running_action>(nullptr, s.where, std::move(action));
    return;
  }
  send_tick(s);
  t.finish();
  give_up(&s, 1);
}

void arm(timer_state& s, time_point when) {
  s.quiet = false;
  if (when == time_point::max()) {
    s.endless = true;
    sched.endless_sleeps.fetch_add(1, std::memory_order_release);  // pairs with report_deadlock()
    return;
  }
  s.when = when;
  s.fire = fire_timer;
  // What precedes this is seen by who receives, or runs the function (MM-17).
  race_release(s.in ? static_cast<const void*>(core_of(s.in)->buffer) : &s);
  if (!std::exchange(s.spare, false)) hold(s);
  try {
    arm_timer(s);
  } catch (...) {
    s.spare = true;
    throw;
  }
}

// Takes the node out of the heap, or waits for its firing. True if a firing was prevented. The guard is held.
bool get_idle(timer_state& s) noexcept {
  if (std::exchange(s.endless, false)) {
    sched.endless_sleeps.fetch_sub(1, std::memory_order_release);
    return true;
  }
  unsigned spins = 0;
  for (;;) {
    if (timer_heap::disarm(s)) {
      s.spare = true;
      return true;
    }
    if (s.status.load(std::memory_order_acquire) == timer_node::state::idle) return false;
    real_atomics::backoff(spins);  // pairs with finish()
  }
}

bool get_quiet(timer_state& s) noexcept {
  if (std::exchange(s.quiet, true)) return false;
  const bool prevented = get_idle(s);
  // What fires once, and was to fire, has sent nothing since the last reset.
  if (!s.in || (prevented && s.period == clock::duration::zero())) return prevented;
  return chan_discard(core_of(s.in)) || prevented;
}

timer_state* start_timer(std::unique_ptr<timer_state> s, time_point when) {
  ensure_started();
  {
    const runtime_entry entry;
    arm(*s, when);
  }
  ensure_machine();
  return s.release();
}

}  // namespace

timer_state* make_timer(time_point when, clock::duration period) {
  auto s = std::make_unique<timer_state>();
  s->in = chan<time_point>(1);
  core_of(s->in)->of_timer = true;
  s->period = period;
  return start_timer(std::move(s), when);
}

timer_state* make_func_timer(time_point when, std::unique_ptr<timer_action> action,
                             std::source_location where) {
  auto s = std::make_unique<timer_state>();
  s->action = std::move(action);
  s->where = where;
  return start_timer(std::move(s), when);
}

bool stop_timer(timer_state& s) noexcept {
  const runtime_entry entry;
  const lock_guard guard(s.guard, entry.places());
  return get_quiet(s);
}

bool reset_timer(timer_state& s, time_point when, clock::duration period) {
  const runtime_entry entry;
  const lock_guard guard(s.guard, entry.places());
  const bool was_active = get_quiet(s);
  s.period = period;
  arm(s, when);
  return was_active;
}

// Nobody else uses the handle now: no guard.
void end_timer(timer_state* s, bool stops) noexcept {
  if (stops) {
    const runtime_entry entry;
    get_quiet(*s);
  }
  give_up(s, s->spare ? 2 : 1);
}

const recv_chan<time_point>& channel_of(const timer_state* s) noexcept {
  static const recv_chan<time_point> nil;
  return s ? s->in : nil;
}

clock::duration checked_period(clock::duration d, const char* text) {
  if (d <= clock::duration::zero()) throw panic(text);
  return d;
}

void throw_unset_timer(const char* what) { throw panic(what); }

}  // namespace goro::detail
