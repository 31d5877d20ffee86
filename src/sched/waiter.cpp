#include "sched/waiter.hpp"

#include <goro/go.hpp>

#include "diag/deadlock.hpp"
#include "os/clock.hpp"
#include "sched/turn.hpp"
#include "sched/waiting_thread.hpp"

namespace goro::detail {

namespace {

// A goroutine's wait that a deadline may end. Lives on its stack.
struct timed_wait {
  timer_node timer;
  wait_node* node = nullptr;
  wait_queue* queue = nullptr;
  lock* guard = nullptr;

  static timed_wait& of(timer_node& t) noexcept { return reinterpret_cast<timed_wait&>(t); }
};
static_assert(offsetof(timed_wait, timer) == 0);

// The deadline has come: if nobody else has ended the wait, takes the node out of its queue and lets its
// owner go on. After finish() the node may be gone.
void end_wait(timer_node& t) {
  timed_wait& w = timed_wait::of(t);
  if (!try_claim(*w.node, claimed::by_deadline)) return t.finish();
  {
    const lock_guard guard(*w.guard, current_lock_places());
    if (w.node->queued) unlink(*w.queue, *w.node);
  }
  const resumable who = w.node->who;
  t.finish();
  ready(current_machine(), who);
}

// Armed only now: were it armed earlier it might fire before the goroutine is off its stack. It cannot end
// the wait before the lock is released.
void commit_timed(machine*, goroutine*, void* arg) noexcept {
  auto& w = *static_cast<timed_wait*>(arg);
  lock* guard = w.guard;
  arm_timer_of_wait(w.timer);
  guard->release();
}

wait_end park_until(machine* mp, wait_node& n, wait_queue& q, lock& l, const time_point& deadline,
                    wait_reason reason) noexcept {
  timed_wait w;
  w.timer.when = deadline;
  w.timer.fire = end_wait;
  w.node = &n;
  w.queue = &q;
  w.guard = &l;
  mp = park(mp, commit_timed, &w, reason);
  if (!timer_heap::disarm(w.timer)) w.timer.wait_idle();
  return {.mp = mp, .woken = n.claim->winner() == claimed::by_waker};
}

bool block_thread(wait_node& n, wait_queue& q, lock& l, thread_waiter& self, const time_point* deadline) {
  l.release();
  if (!deadline) {
    sleep_counted(self.wake);
    return true;
  }
  if (self.wake.sleep(deadline)) return true;
  if (!try_claim(n, claimed::by_deadline)) {
    self.wake.sleep();  // a waker has won and is about to set the note
    return true;
  }
  const lock_guard guard(l);
  if (n.queued) unlink(q, n);
  return false;
}

}  // namespace

void wake_thread(resumable who) noexcept {
  thread_waiter* t = who.as_thread();
  if (t->counted)
    sched.foreign_waiting.fetch_sub(1, std::memory_order_release);  // pairs with report_deadlock()
  t->wake.set();
}

wait_end wait_otherwise(machine* mp, wait_node& n, wait_queue& q, lock& l, place where,
                        const time_point* deadline, wait_reason reason) noexcept {
  const bool endless = deadline && *deadline == time_point::max();
  if (endless) deadline = nullptr;
  claim_word of_thread;
  if (deadline) {
    n.claim = mp ? &mp->curg->claim : &of_thread;
    n.claim->open();
  }
  if (mp) {
    n.who = resumable(mp->curg);
    enqueue_at(where, q, n);
    if (!endless) return park_until(mp, n, q, l, *deadline, reason);
    sched.endless_sleeps.fetch_add(1, std::memory_order_release);  // pairs with report_deadlock()
    mp = park(mp, l, reason);
    sched.endless_sleeps.fetch_sub(1, std::memory_order_release);
    return {.mp = mp, .woken = true};
  }
  if (sched.forked.load(std::memory_order_relaxed)) used_after_fork();
  thread_waiter self;
  self.counted = !deadline;
  if (self.counted) count_as_waiting();
  n.who = resumable(&self);
  enqueue_at(where, q, n);
  return {.mp = nullptr, .woken = block_thread(n, q, l, self, deadline)};
}

void block_for_ever(wait_reason reason) {
  if (current_machine()) {
    const runtime_entry entry;
    park(entry.mp(), [](machine*, goroutine*, void*) noexcept {}, nullptr, reason);
  }
  count_as_waiting();
  note never;
  for (;;) sleep_counted(never);
}

}  // namespace goro::detail

namespace goro {

void block_forever() {
  detail::block_for_ever(detail::wait_reason::select_no_cases);
  __builtin_unreachable();
}

}  // namespace goro
