// src/sched/idle.cpp and rest.cpp, and what they need of find_runnable.cpp and watch.cpp, function for
// function, on modelled atomics. Whoever changes the protocol there changes it here first.
//
// Time is left to the explorer: a watcher looks once and then goes to sleep, as if k_quiet had passed; work
// that it sees has always waited for too long; a deadline, or an event for who sleeps in the poller, may come
// at any moment. Queues are what the
// protocol sees of them: a word that the owner stores when it pushes, and one that whoever takes an item
// changes. Timers are a queue too. forget() stands where a machine's future depends on nothing but the place
// and what forget() is given. Left out: changes of max_procs, the start of threads, the report of
// deadlocks.
#pragma once

#include <array>
#include <cstddef>
#include <utility>

#include "model/model_atomics.hpp"

namespace goro::model::idle {

inline constexpr int k_items = 6;
inline constexpr int k_nothing = -1;

// What is wrong with a mutant of the protocol.
enum class flaw {
  none,
  no_second_look,         // the sentinel does not look at the queues again
  appointed_blindly,      // nor does a watcher that makes a sleeper the sentinel
  appointed_timer_blind,  // the latter looks at the queues, but not at the timers
  appointed_oversleeps,   // nobody asks until when the latter sleeps
  timer_not_announced,    // a new timer does not wake the sentinel
  stops_without_look,   // a machine stops because another one watches, and does not look again when it gives
                        // up its P
  theft_without_fence,  // what is taken by force is taken before the successor is seen by all
  shows_loot_late,      // what was taken by force is queued again only after the look for the successor
  hides_loot,           // who has taken two by force when all Ps were held does not look for a sentinel since
  left_blindly,         // a watcher that leaves its place to who sleeps in the poller does not look again
  stands_by_for_ever,   // who has no deadline is left asleep as the sentinel of one that has work for two
  tells_due_late,       // that a new sentinel does not stand by is told only when it sleeps
  left_for_certain,     // nor does it notice that there is no such place: a timer has been armed meanwhile
  sentinel_in_two_steps  // submitters reset `sentinel` and appoint the watcher under the lock, but in two
                         // steps
};

// Written under a lock only; looked at from outside.
template <class T>
class watched {
 public:
  watched(T initial) : own_(initial), word_(initial) {}
  T get() const noexcept { return own_; }  // the lock's holder
  void set(T value) noexcept {
    own_ = value;
    word_.store(value, std::memory_order_relaxed);
  }
  T look() const noexcept { return word_.load(std::memory_order_relaxed); }

 private:
  model_cell<T> own_;
  model_atomic<T> word_;
};

// The queue of a P: one producer, many consumers.
struct item_queue {
  model_atomic<int> pushed{0};
  model_atomic<int> popped{0};
  std::array<model_cell<int>, k_items> items{};

  void push(int item) noexcept {
    const int at = pushed.load(std::memory_order_relaxed);
    items[static_cast<std::size_t>(at)] = item;
    pushed.store(at + 1, std::memory_order_release);  // pairs with pop()
  }
  int pop() noexcept {
    for (;;) {
      int at = popped.load(std::memory_order_relaxed);
      if (at == pushed.load(std::memory_order_acquire)) return k_nothing;
      const int item = items[static_cast<std::size_t>(at)];
      if (popped.compare_exchange_strong(at, at + 1, std::memory_order_acq_rel, std::memory_order_relaxed))
        return item;
    }
  }
  bool empty() const noexcept {
    return pushed.load(std::memory_order_relaxed) == popped.load(std::memory_order_relaxed);
  }
};

// The global queue, and timers: under a lock, with a size that can be read without.
struct locked_queue {
  model_lock guard;
  watched<int> size{0};
  std::array<model_cell<int>, k_items> items{};

  void push(int item) noexcept {
    const model_guard lock(guard);
    const int n = size.get();
    items[static_cast<std::size_t>(n)] = item;
    size.set(n + 1);
  }
  int pop() noexcept {
    if (empty()) return k_nothing;
    const model_guard lock(guard);
    const int n = size.get();
    if (n == 0) return k_nothing;
    const int item = items[0];
    for (int i = 1; i < n; ++i) items[static_cast<std::size_t>(i - 1)] = items[static_cast<std::size_t>(i)];
    size.set(n - 1);
    return item;
  }
  bool empty() const noexcept { return size.look() == 0; }
};

struct machine;

struct processor {
  item_queue queue;
  model_cell<processor*> idle_link{nullptr};
};

struct machine {
  model_note wake;
  model_cell<processor*> pp{nullptr};
  model_cell<bool> watching{false};
  model_cell<processor*> assigned{nullptr};
  model_cell<machine*> idle_link{nullptr};
  model_cell<bool> on_idle_list{false};
  model_cell<bool> deadline_came{false};
  model_cell<bool> rests_until{false};  // its sleep ends by itself
};

template <class Atomics, flaw Flaw = flaw::none, std::size_t Size = 2>
struct scheduler {
  std::array<processor, Size> procs;
  std::array<machine, Size> machines;
  bool asks = false;  // a watcher is given what it takes; else it takes it by force

  locked_queue global;
  locked_queue timers;

  model_lock guard;
  model_cell<processor*> idle_procs{nullptr};
  model_cell<machine*> idle_machines{nullptr};
  model_cell<machine*> watcher{nullptr};
  model_cell<machine*> in_poller{nullptr};
  bool thick = false;     // timers are due all the time: who falls asleep beside a watcher stands by
  bool polls = false;     // somebody waits for what comes from outside
  int event = k_nothing;  // what comes, once; nothing: it does not
  int present = 0;        // how many Ps there are
  watched<machine*> sentinel{nullptr};
  enum class due { never, comes, stands_by };
  watched<due> sentinel_due{due::comes};

  // --- idle.cpp ---

  processor* pop_idle_processor() {
    processor* pp = idle_procs;
    if (pp) idle_procs = pp->idle_link;
    return pp;
  }
  machine* pop_idle_machine() {
    machine* mp = idle_machines;
    if (mp) {
      idle_machines = mp->idle_link;
      mp->on_idle_list = false;
    }
    return mp;
  }
  void remove_idle_machine(machine* mp) {
    mp->on_idle_list = false;
    if (idle_machines == mp) {
      idle_machines = mp->idle_link;
      return;
    }
    machine* before = idle_machines;
    while (before->idle_link != mp) before = before->idle_link;
    before->idle_link = static_cast<machine*>(mp->idle_link);
  }
  int working_processors() const {
    int held = present;
    for (processor* pp = idle_procs; pp; pp = pp->idle_link) --held;
    return held - (watcher ? 1 : 0);
  }
  void push_idle_machine(machine* mp) {
    if (mp->on_idle_list) return;
    mp->on_idle_list = true;
    mp->idle_link = idle_machines;
    idle_machines = mp;
  }
  void set_watcher(machine* mp) {
    require(watcher == nullptr, "two watchers");
    mp->watching = true;
    watcher = mp;
  }
  void set_sentinel(machine* mp, due when) {
    require(watcher == nullptr, "a sentinel beside a watcher");
    require(sentinel.get() == nullptr, "two sentinels");
    if (Flaw != flaw::tells_due_late || when == due::stands_by) sentinel_due.set(when);
    sentinel.set(mp);
  }
  static due due_of(bool has_due) { return has_due ? due::comes : due::never; }
  bool assign_watch(machine* mp) {
    processor* pp = pop_idle_processor();
    if (!pp) return false;
    mp->assigned = pp;
    set_watcher(mp);
    return true;
  }
  bool take_watch(machine* mp) {
    processor* pp = pop_idle_processor();
    if (!pp) return false;
    mp->pp = pp;
    set_watcher(mp);
    return true;
  }
  bool anything_queued(const processor* but_for = nullptr) const {
    if (!global.empty()) return true;
    for (const processor& p : procs) {
      if (&p != but_for && !p.queue.empty()) return true;
    }
    return false;
  }

  // --- rest.cpp ---

  bool rise(machine* mp) {
    if (sentinel.get() != mp) return false;
    sentinel.set(nullptr);
    if (take_watch(mp)) return true;
    push_idle_machine(mp);
    return false;
  }
  bool resume_service(machine* mp) {
    if (!mp->on_idle_list) return false;
    processor* pp = pop_idle_processor();
    if (!pp) return false;
    remove_idle_machine(mp);
    mp->pp = pp;
    return true;
  }
  bool serves_poller(machine* mp) {
    if (sentinel.get() == mp) return true;
    return mp->on_idle_list && watcher && working_processors() == 0;
  }
  bool enter_poller(machine* mp) {
    if (!polls) return false;
    const model_guard lock(guard);
    if (mp->assigned || in_poller || !serves_poller(mp)) return false;
    in_poller = mp;
    return true;
  }
  void deliver(machine* mp, int item) { mp->pp ? submit_between_turns(mp, item) : submit_global(item); }

  void sleep_until_assigned(machine* mp, bool has_deadline) {
    for (;;) {
      const bool served = enter_poller(mp);
      // All callers go on at the top of find_runnable.
      forget((has_deadline ? 2U : 3U) + (served ? 40U : 0U));
      bool woken = true;
      if (has_deadline || (served && event != k_nothing)) {
        woken = mp->wake.sleep_timed();
      } else {
        mp->wake.sleep();
      }
      guard.acquire();
      const bool awake = look(mp, has_deadline, served, woken);
      const int brought = served && !woken ? std::exchange(event, k_nothing) : k_nothing;
      guard.release();
      if (brought != k_nothing) deliver(mp, brought);
      if (awake) return;
    }
  }
  bool look(machine* mp, bool& has_deadline, bool served, bool woken) {
    if (served) in_poller = nullptr;
    if (!woken && !served) has_deadline = false;
    mp->rests_until = has_deadline;
    mp->wake.clear();
    if (mp->assigned) {
      require(mp->pp == nullptr, "assigned while it holds one");
      mp->pp = static_cast<processor*>(mp->assigned);
      mp->assigned = nullptr;
      mp->rests_until = false;
      return true;
    }
    if (woken) return false;
    if (!served) mp->deadline_came = true;
    if (rise(mp) || (served && resume_service(mp))) {
      mp->rests_until = false;
      return true;
    }
    return false;
  }
  void release_processor(machine* mp) {
    processor* pp = mp->pp;
    mp->pp = nullptr;
    pp->idle_link = static_cast<processor*>(idle_procs);
    idle_procs = pp;
  }
  bool watch_or_sleep(machine* mp) {
    {
      const model_guard lock(guard);
      if (watcher == mp) return true;
      if (!watcher) {
        if (machine* old = sentinel.get()) push_idle_machine(old);
        sentinel.set(nullptr);
        set_watcher(mp);
        return true;
      }
      if (Flaw != flaw::stops_without_look) {
        release_processor(mp);
        mp->rests_until = thick || (polls && working_processors() == 0 && !timers.empty());
        push_idle_machine(mp);
      }
    }
    if (Flaw == flaw::stops_without_look) {
      const model_guard lock(guard);
      release_processor(mp);
      push_idle_machine(mp);
    }
    sleep_until_assigned(mp, mp->rests_until);
    return false;
  }
  void appoint_watcher() {
    machine* mp = nullptr;
    {
      const model_guard lock(guard);
      if (watcher || sentinel.get() || !idle_procs) return;
      mp = pop_idle_machine();
      if (!mp) return;  // here the real one starts a thread
      assign_watch(mp);
    }
    mp->wake.set();
  }
  machine* next_sleeper() {
    machine* const served = in_poller;
    return served && served->on_idle_list ? served : static_cast<machine*>(idle_machines);
  }
  enum class successor { not_needed, to_be_woken, asleep, stands_by };
  successor provide_for_idle() {
    if (!idle_procs || watcher) return successor::not_needed;
    if (sentinel.get())
      return sentinel_due.get() == due::stands_by ? successor::stands_by : successor::not_needed;
    machine* const sleeper = next_sleeper();
    if (!sleeper) return successor::to_be_woken;
    const bool has_due = sleeper->rests_until || Flaw == flaw::appointed_oversleeps;
    if (!has_due && !timers.empty()) return successor::to_be_woken;
    remove_idle_machine(sleeper);
    set_sentinel(sleeper, due_of(has_due));
    return successor::asleep;
  }
  successor begin_resignation(machine* mp) {
    const model_guard lock(guard);
    mp->watching = false;
    watcher = nullptr;
    return provide_for_idle();
  }
  void complete_resignation(successor who) {
    if (who == successor::asleep) Atomics::heavy_fence();
    complete_fenced_resignation(who);
  }
  void complete_fenced_resignation(successor who) {
    if (who == successor::to_be_woken) appoint_watcher();
    if (who == successor::stands_by) wake_sentinel();
    if (who != successor::asleep || Flaw == flaw::appointed_blindly) return;
    if (anything_queued() ||
        (Flaw != flaw::appointed_timer_blind && sentinel_due.look() == due::never && !timers.empty()))
      wake_sentinel();
  }
  bool appoint_stand_by(machine* mp) {
    if (!thick || !idle_procs || sentinel.get() || anything_queued(mp->pp)) return false;
    machine* const sleeper = next_sleeper();
    if (!sleeper || (!sleeper->rests_until && Flaw != flaw::stands_by_for_ever)) return false;
    remove_idle_machine(sleeper);
    set_sentinel(sleeper, due::stands_by);
    return true;
  }
  void resign_watcher(machine* mp) {
    successor who = successor::not_needed;
    {
      const model_guard lock(guard);
      mp->watching = false;
      watcher = nullptr;
      if (appoint_stand_by(mp)) return;
      who = provide_for_idle();
    }
    complete_resignation(who);
  }
  void wake_sentinel() {
    machine* mp = nullptr;
    guard.acquire();
    mp = sentinel.get();
    sentinel.set(nullptr);
    if (Flaw == flaw::sentinel_in_two_steps) {
      guard.release();
      guard.acquire();
    }
    if (mp && !assign_watch(mp)) {
      push_idle_machine(mp);
      mp = nullptr;
    }
    guard.release();
    if (mp) mp->wake.set();
  }
  // Here the real one starts a thread if none sleeps. By sysmon or by the machine itself: nobody else uses
  // the P.
  void pass_on(machine* mp) {
    machine* heir = nullptr;
    successor who = successor::not_needed;
    {
      const model_guard lock(guard);
      processor* pp = mp->pp;
      mp->pp = nullptr;
      if (!pp->queue.empty() || !global.empty()) heir = pop_idle_machine();
      if (heir) {
        heir->assigned = pp;
      } else {
        pp->idle_link = static_cast<processor*>(idle_procs);
        idle_procs = pp;
        who = provide_for_idle();
      }
    }
    if (heir) return heir->wake.set();
    complete_resignation(who);
  }
  void stop_machine(machine* mp) {
    {
      const model_guard lock(guard);
      push_idle_machine(mp);
    }
    sleep_until_assigned(mp, false);
  }
  bool leave_watch_to_sleeper(machine* mp) {
    bool has_due = false;
    successor who = successor::not_needed;
    {
      const model_guard lock(guard);
      machine* sleeper = in_poller;
      has_due = !timers.empty();
      if (!polls || !sleeper || !sleeper->on_idle_list || (has_due && !sleeper->rests_until)) return false;
      mp->watching = false;
      watcher = nullptr;
      release_processor(mp);
      who = provide_for_idle();
      mp->rests_until = has_due;
      push_idle_machine(mp);
    }
    if (Flaw == flaw::left_for_certain) who = successor::asleep;
    if (Flaw != flaw::left_blindly) complete_resignation(who);
    sleep_until_assigned(mp, has_due);
    return true;
  }
  void sleep_as_sentinel(machine* mp) {
    if (leave_watch_to_sleeper(mp)) return;
    bool has_due = false;
    {
      const model_guard lock(guard);
      mp->watching = false;
      watcher = nullptr;
      release_processor(mp);
      has_due = !timers.empty();
      mp->rests_until = has_due;
      set_sentinel(mp, due_of(has_due));
    }
    forget(has_due ? 4 : 5);
    Atomics::heavy_fence();
    if (Flaw != flaw::no_second_look && (anything_queued() || (!has_due && !timers.empty()))) {
      guard.acquire();
      if (sentinel.get() == mp) {
        sentinel.set(nullptr);
        if (take_watch(mp)) {
          mp->rests_until = false;
          return guard.release();
        }
        push_idle_machine(mp);
      }
      guard.release();
    }
    if (Flaw == flaw::tells_due_late) sentinel_due.set(due_of(has_due));
    sleep_until_assigned(mp, has_due);
  }

  // --- scheduler.hpp, schedule.cpp ---

  void notify_submit() {
    Atomics::light_fence();
    if (sentinel.look() != nullptr) wake_sentinel();
  }
  void submit_local(machine* mp, int item) {
    static_cast<processor*>(mp->pp)->queue.push(item);
    notify_submit();
  }
  // By a machine that runs it next, unless its goroutine computes for long.
  void submit_between_turns(machine* mp, int item) {
    static_cast<processor*>(mp->pp)->queue.push(item);
    Atomics::light_fence();
    if (sentinel.look() != nullptr && sentinel_due.look() != due::stands_by) wake_sentinel();
  }
  void submit_global(int item) {
    global.push(item);
    notify_submit();
  }

  void arm_timer(int item) {
    timers.push(item);
    if (Flaw == flaw::timer_not_announced) return;
    Atomics::light_fence();
    if (sentinel_due.look() == due::never) wake_sentinel();
  }

  // --- hand_off.cpp ---

  bool find_processor(machine* mp) {
    const model_guard lock(guard);
    mp->pp = pop_idle_processor();
    return mp->pp != nullptr;
  }

  // --- watch.cpp, find_runnable.cpp ---

  // The fence is the theft's own, which comes before it takes anything.
  int take_by_force(machine* mp, processor& victim) {
    const successor who = begin_resignation(mp);
    if (Flaw != flaw::theft_without_fence) Atomics::heavy_fence();
    const int item = victim.queue.pop();
    const int more = item == k_nothing ? k_nothing : victim.queue.pop();
    if (Flaw == flaw::shows_loot_late) complete_fenced_resignation(who);
    if (more != k_nothing) static_cast<processor*>(mp->pp)->queue.push(more);
    if (who != successor::asleep && Flaw != flaw::hides_loot) notify_submit();
    if (Flaw != flaw::shows_loot_late) complete_fenced_resignation(who);
    return item;
  }
  int watch(machine* mp) {
    forget(6);
    if (mp->deadline_came) {
      mp->deadline_came = false;
      if (const int item = timers.pop(); item != k_nothing) {
        submit_between_turns(mp, item);
        return k_nothing;
      }
    }
    for (processor& victim : procs) {
      if (victim.queue.empty()) continue;
      if (const int item = asks ? victim.queue.pop() : take_by_force(mp, victim);
          item != k_nothing || !mp->watching)
        return item;
    }
    if (!global.empty()) return k_nothing;
    sleep_as_sentinel(mp);
    return k_nothing;
  }
  int search_once(machine* mp) {
    processor* pp = mp->pp;
    if (const int item = pp->queue.pop(); item != k_nothing) return item;
    if (const int item = global.pop(); item != k_nothing) return item;
    forget(7);
    return watch_or_sleep(mp) ? watch(mp) : k_nothing;
  }
  int find_runnable(machine* mp) {
    for (;;) {
      forget(1);
      const int item = search_once(mp);
      if (item == k_nothing) continue;
      forget(8 + 2 * static_cast<std::uint64_t>(item));
      if (mp->watching) resign_watcher(mp);
      forget(9 + 2 * static_cast<std::uint64_t>(item));
      return item;
    }
  }
};

}  // namespace goro::model::idle
