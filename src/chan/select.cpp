// Select: one wait in several queues.
//
//   1. Look, without locks: choose one of the cases that seem ready, each with the same chance, and try it.
//      Most selects of a busy program end here, with one lock.
//   2. Lock all channels, in the order of their addresses, so that two selects never wait for each other.
//      Choose again among those that are ready now; if one is, done. That none is, is true at one instant:
//      only now may a try_select say so (SELECT-04).
//   3. Queue a node in each channel and park. The nodes are the cases themselves; all share one claim word:
//      one waker, or the deadline, ends the wait, once. The locks are released by the commit, off the stack.
//   4. Withdraw: take the nodes that did not win out of their queues, which are doubly linked: the cost does
//      not depend on how many others wait there.
//
// The commit of 3 reads the cases while it releases one lock after another, and after the first release a
// waker may let the goroutine go on, which then destroys them. It cannot come so far: in 4 it takes the lock
// of every channel with a case that lost, and every channel that is still locked has one, for who wins a case
// needs its channel's lock. So it waits for the commit's last release, after which the commit touches no
// case.
//
// A select that both sends to and receives from one channel does not pair with itself: in 2 its own nodes are
// in no queue yet, and afterwards it does nothing itself. A node whose claim is lost may still stand in a
// queue until 4; whoever meets it there drops it (dequeue, anybody_waits).
//
// Rejected: to queue in one channel after the other, each under its own lock only. It saves holding several
// locks, but then "nothing is ready" was never true at one instant, and a try_select cannot be built on it.
#include <goro/select.hpp>

#include <new>
#include <utility>

#include <goro/error.hpp>

#include "chan/operations.hpp"
#include "chan/waits.hpp"
#include "diag/deadlock.hpp"
#include "os/clock.hpp"
#include "sched/turn.hpp"
#include "sched/waiting_thread.hpp"

namespace goro::detail {

namespace {

// The goroutine's side of a wait, on its stack.
struct select_wait {
  timer_node timer;
  claim_word of_thread;
  claim_word* claim = &of_thread;  // until nobody can find the nodes any more
  resumable who;
  select_case* first = nullptr;  // of those that are locked
  bool has_deadline = false;
};
static_assert(offsetof(select_wait, timer) == 0);

// The deadline has come. The waiter itself takes its nodes out.
void end_select(timer_node& t) {
  auto& w = reinterpret_cast<select_wait&>(t);
  const resumable who = w.who;
  const bool won = w.claim->take(claimed::by_deadline);
  t.finish();
  if (won) ready(current_machine(), who);
}

}  // namespace

// One call of select: its cases, and what is done to all of them.
class selection {
 public:
  selection(select_case* const* cases, std::size_t count) : cases_(cases), count_(count) {
    for (std::size_t i = 0; i != count_; ++i) enter(i);
  }
  ~selection() { leave(count_); }
  selection(const selection&) = delete;
  selection& operator=(const selection&) = delete;

  // What user code may do (the destructor of an element that was sent, an exception) is done outside of the
  // runtime, and a wait for nothing has an entry of its own.
  std::size_t run(patience p) {
    const std::size_t chosen = run_cases(p);
    if (chosen == k_no_channel) return wait_for_nothing(p);
    if (chosen != count_) conclude(*cases_[chosen], done_);
    return chosen;
  }

 private:
  static constexpr std::size_t k_no_channel = static_cast<std::size_t>(-1);

  // The position of the case that proceeds, count_ for none; k_no_channel if there is nothing to wait for.
  std::size_t run_cases(patience p) {
    runtime_entry entry;
    if (const std::size_t i = choose<looks_ready>(entry); i != count_ && try_alone(entry, i)) return i;
    order_locks();
    if (!first_) return k_no_channel;
    lock_all(entry);
    if (const std::size_t i = try_locked(entry); i != count_) return i;
    if (!p.wait || (p.deadline && *p.deadline <= now())) {
      unlock_all(first_);
      return count_;
    }
    return park_in_all(entry, p.deadline);
  }

  // --- entering and leaving ---

  void enter(std::size_t i) {
    select_case& c = *cases_[i];
    if (c.in_select_) {
      leave(i);
      throw panic("goro: a case occurs twice in one select");
    }
    c.in_select_ = true;
    c.fired_ = c.taken_ = false;
    if (c.direction_ == select_case::direction::receive) c.drop_element();
  }
  void leave(std::size_t count) noexcept {
    for (std::size_t i = 0; i != count; ++i) cases_[i]->in_select_ = false;
  }

  // --- choosing ---

  static bool sends(const select_case& c) noexcept { return c.direction_ == select_case::direction::send; }

  // Without the lock: what is seen may be old.
  static bool looks_ready(const select_case& c) noexcept {
    const chan_core& ch = *c.core_;
    if (ch.closed.load(std::memory_order_relaxed)) return true;
    const std::size_t n = ch.count.load(std::memory_order_relaxed);
    return sends(c) ? n != ch.capacity || ch.receivers.first.load(std::memory_order_relaxed)
                    : n != 0 || ch.senders.first.load(std::memory_order_relaxed);
  }

  // Under the lock.
  static bool is_ready(const select_case& c) noexcept {
    chan_core& ch = *c.core_;
    if (ch.closed.load(std::memory_order_relaxed)) return true;
    const std::size_t n = ch.count.load(std::memory_order_relaxed);
    return sends(c) ? n != ch.capacity || anybody_waits(ch.receivers) : n != 0 || anybody_waits(ch.senders);
  }

  // One of those for which Ready holds, each with the same chance; count_ if there is none.
  template <bool (*Ready)(const select_case&) noexcept>
  std::size_t choose(const runtime_entry& entry) const noexcept {
    std::size_t chosen = count_;
    std::uint32_t found = 0;
    for (std::size_t i = 0; i != count_; ++i) {
      if (!cases_[i]->core_ || !Ready(*cases_[i])) continue;
      ++found;
      if (found == 1 || dice_below(entry, found) == 0) chosen = i;
    }
    return chosen;
  }
  static std::uint32_t dice_below(const runtime_entry& entry, std::uint32_t n) noexcept {
    machine* mp = entry.mp();
    return mp && mp->pp ? mp->pp->dice.below(n) : shared_dice_below(n);
  }

  // --- letting one proceed ---

  static attempt operate(select_case& c, wait_node*& woken) noexcept {
    return sends(c) ? send_now(c.core_, c.element_, woken) : recv_now(c.core_, c.element_, woken);
  }

  // Inlined: select_fanin_buf 18.7 ns instead of 20.0.
  [[gnu::always_inline]] bool try_alone(runtime_entry& entry, std::size_t i) {
    select_case& c = *cases_[i];
    wait_node* woken = nullptr;
    c.core_->guard.acquire(entry.places());
    const attempt a = operate(c, woken);
    const resumable who = woken ? woken->who : resumable();
    c.core_->guard.release();
    if (a == attempt::must_wait) return false;
    if (woken) ready(entry.mp(), who);
    done_ = a == attempt::done;
    return true;
  }

  // All are locked; they still are if this returns count_.
  std::size_t try_locked(runtime_entry& entry) {
    for (;;) {
      const std::size_t i = choose<is_ready>(entry);
      if (i == count_) return i;
      wait_node* woken = nullptr;
      const attempt a = operate(*cases_[i], woken);
      if (a == attempt::must_wait) continue;  // who waited there has been woken by another channel meanwhile
      const resumable who = woken ? woken->who : resumable();
      unlock_all(first_);
      if (woken) ready(entry.mp(), who);
      done_ = a == attempt::done;
      return i;
    }
  }

  // The case is the chosen one; not done: its channel is closed.
  static void conclude(select_case& c, bool done) {
    if (!sends(c)) {
      c.fired_ = true;
      c.holds_ = done;
      return;
    }
    c.disarm_case();
    if (!done) throw_send_on_closed();
    c.fired_ = true;
    c.drop_element();  // what is left of it, if it was the case's own
  }

  // --- locking ---

  // A list of the cases that have a channel, in the order of the channels' addresses. Mostly they are named
  // in the order in which they were made, and then nothing is left to sort (select_fanin, four cases: 903
  // instructions instead of 975).
  void order_locks() noexcept {
    std::size_t armed = 0;
    bool in_order = true;
    for (std::size_t i = count_; i-- != 0;) {
      select_case* const c = cases_[i];
      if (!c->core_) continue;
      if (first_ && std::less<>{}(first_->core_, c->core_)) in_order = false;
      c->next_to_lock_ = first_;
      first_ = c;
      ++armed;
    }
    if (!in_order) first_ = sorted(first_, armed);
  }

  // Merge sort of the first n of a list: no memory is needed, for however many cases.
  static select_case* sorted(select_case* list, std::size_t n) noexcept {
    if (n == 1) {
      list->next_to_lock_ = nullptr;
      return list;
    }
    select_case* second = list;
    for (std::size_t i = 0; i != n / 2; ++i) second = second->next_to_lock_;
    select_case* const rest = sorted(second, n - n / 2);  // before the first half loses its end
    return merged(sorted(list, n / 2), rest);
  }
  static select_case* merged(select_case* a, select_case* b) noexcept {
    select_case* first = nullptr;
    select_case** end = &first;
    while (a && b) {
      select_case*& least = std::less<>{}(b->core_, a->core_) ? b : a;
      *end = least;
      end = &least->next_to_lock_;
      least = least->next_to_lock_;
    }
    *end = a ? a : b;
    return first;
  }

  static select_case* next_channel(const select_case* c) noexcept {
    select_case* next = c->next_to_lock_;
    while (next && next->core_ == c->core_) next = next->next_to_lock_;
    return next;
  }
  void lock_all(const runtime_entry& entry) noexcept {
    lock_places* const me = entry.places();
    std::size_t taken = 0;
    for (select_case* c = first_; c; c = next_channel(c)) c->core_->guard.acquire(me, taken++);
  }
  // After the last release no case is touched: see above.
  static void unlock_all(select_case* first) noexcept {
    for (select_case* c = first; c;) {
      lock& held = c->core_->guard;
      c = next_channel(c);
      held.release();
    }
  }

  // --- waiting ---

 public:
  static const select_layout k_layout;

 private:
  // There is no channel to wait for.
  std::size_t wait_for_nothing(patience p) const {
    if (!p.wait) return count_;
    if (!p.deadline) block_for_ever(count_ == 0 ? wait_reason::select_no_cases : wait_reason::select);
    sleep_until(*p.deadline, count_ == 0 ? wait_reason::select_no_cases_until : wait_reason::select);
    return count_;
  }

  static wait_node& node_of(select_case& c) noexcept {
    static_assert(sizeof(wait_node) <= select_case::k_node_bytes && alignof(wait_node) <= alignof(void*));
    return *std::launder(reinterpret_cast<wait_node*>(c.node_));
  }
  static wait_queue& queue_of(select_case& c) noexcept {
    return sends(c) ? c.core_->senders : c.core_->receivers;
  }

  void queue_all(select_wait& w) noexcept {
    for (std::size_t i = 0; i != count_; ++i) {
      select_case& c = *cases_[i];
      if (!c.core_) continue;
      auto* node = ::new (static_cast<void*>(c.node_)) wait_node;
      node->who = w.who;
      node->element = c.element_;
      node->claim = w.claim;
      race_release(node);
      enqueue(queue_of(c), *node);
    }
  }

  // Takes out what did not win; returns the position of what did, or count_.
  std::size_t withdraw(const runtime_entry& entry) noexcept {
    std::size_t winner = count_;
    for (std::size_t i = 0; i != count_; ++i) {
      select_case& c = *cases_[i];
      if (!c.core_) continue;
      wait_node& node = node_of(c);
      if (node.won) {
        winner = i;
        continue;
      }
      const lock_guard guard(c.core_->guard, entry.places());
      if (node.queued) unlink(queue_of(c), node);
    }
    return winner;
  }

  std::size_t park_in_all(runtime_entry& entry, const time_point* deadline) {
    const bool endless = deadline && *deadline == time_point::max();
    if (endless) {
      deadline = nullptr;
      sched.endless_sleeps.fetch_add(1, std::memory_order_release);  // pairs with report_deadlock()
    }
    select_wait w;
    w.first = first_;
    if (entry.mp()) {
      park_goroutine(entry, w, deadline);
    } else {
      block_thread(w, deadline);
    }
    if (endless) sched.endless_sleeps.fetch_sub(1, std::memory_order_release);
    const std::size_t winner = withdraw(entry);
    if (winner == count_) return winner;
    const wait_node& node = node_of(*cases_[winner]);
    race_arrive(node);
    done_ = node.delivered;
    return winner;
  }

  void park_goroutine(runtime_entry& entry, select_wait& w, const time_point* deadline) {
    goroutine* const self = entry.mp()->curg;
    w.who = resumable(self);
    w.claim = &self->claim;
    w.claim->open();
    if (deadline) {
      w.has_deadline = true;
      w.timer.when = *deadline;
      w.timer.fire = end_select;
    }
    queue_all(w);
    entry.moved(park(entry.mp(), commit, &w, wait_reason::select));
    if (deadline && !timer_heap::disarm(w.timer)) w.timer.wait_idle();
  }
  // The timer may fire at once; its goroutine then waits in withdraw() for the locks.
  static void commit(machine*, goroutine*, void* arg) noexcept {
    auto& w = *static_cast<select_wait*>(arg);
    select_case* first = w.first;
    if (w.has_deadline) arm_timer_of_wait(w.timer);
    unlock_all(first);
  }

  [[gnu::noinline]] void block_thread(select_wait& w, const time_point* deadline) {
    thread_waiter self;
    self.counted = !deadline;
    if (self.counted) count_as_waiting();
    w.who = resumable(&self);
    queue_all(w);
    unlock_all(first_);
    if (!deadline) return sleep_counted(self.wake);
    if (self.wake.sleep(deadline)) return;
    if (!w.claim->take(claimed::by_deadline))
      self.wake.sleep();  // a waker has won and is about to set the note
  }

  select_case* const* cases_;
  std::size_t count_;
  select_case* first_ = nullptr;
  bool done_ = false;  // the chosen case has proceeded; false: its channel is closed
};

const select_layout selection::k_layout = {
    .wait_who = offsetof(select_wait, who),
    .wait_first = offsetof(select_wait, first),
    .wait_timed = offsetof(select_wait, has_deadline),
    .wait_size = sizeof(select_wait),
    .case_node = offsetof(select_case, node_),
    .case_core = offsetof(select_case, core_),
    .case_next = offsetof(select_case, next_to_lock_),
};
const select_layout& layout_of_select() noexcept { return selection::k_layout; }

std::size_t select_among(select_case* const* cases, std::size_t count, patience p) {
  return selection(cases, count).run(p);
}

void throw_case_misuse(const char* what) { throw panic(what); }

}  // namespace goro::detail
