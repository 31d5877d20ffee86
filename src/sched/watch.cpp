// The watcher: the one idle machine that is awake while others work, and decides when a second core is worth
// it.
//
// It helps a P only if something has waited there too long: then the P is not keeping up. Beside a P that
// stands still, because its goroutine computes, that is k_least_patience, and the work is taken by force.
// Beside one that moves on but has a long queue it may be longer, depending on what the last help was worth
// (worth.hpp), and the work is asked for (steal_request.hpp). What comes and goes faster is left alone: two
// goroutines that hand each other the turn, a channel with its senders and receivers, a thousand that yield
// in turn: each runs faster on one core than on two that fight for the same cache lines.
//
// How long something waits is seen from outside, without disturbing the owner: remember where the queue stood
// (a sight), look again later. FIFO queues: has the head passed the former tail? Newest-first queue: has the
// oldest one gone? run_next: still the same one, in the same turn? (At the end of a slice the head may pass
// without anybody being served, schedule.cpp: then the wait counts anew.)
//
// A watch ends when it has found work: then the next one begins without sights, but for those of Ps that have
// not moved since, because the longest wait (lock_trial.hpp) may take more than one watch. Where a timer is
// due each time that somebody looks, each watch would end with the timer, before anything has been seen to
// wait. So all sights outlive a watch that ends for timers, and the next watch looks at them before it fires
// any. A sight may be of any age: where a queue was emptied and filled again, or a counter has come round,
// somebody is helped early, no more. Tests that fail without: quiet.TimerStorm, quiet.LockTrial.
//
// Between two looks it naps (about 17 us of CPU each on the reference machine, because it is a sleep and a
// wake-up; so ten times as long beside who serves connections and keeps up, or on the core of one that it
// watches), or, at first, does nothing: a look takes cache lines away from those who work. A goroutine that
// is made ready by one that keeps computing starts within a nap and k_least_patience, unless by an unlock of
// what the two have lately fought for (lock_trial.hpp). When nothing has been submitted for k_quiet, and
// nothing waits, it goes to sleep as the sentinel (idle.cpp); at once if nobody runs, but for one that has
// run dry, serves the poller (rest.cpp) and is about to go on. While that one waits there nobody can wake the
// watcher: what a plain thread submits is found when its nap ends.
#include <algorithm>
#include <utility>

#include <goro/detail/atomics.hpp>
#include "os/clock.hpp"
#include "os/thread.hpp"
#include "poll/poller.hpp"
#include "sched/turn.hpp"

namespace goro::detail {

namespace {

constexpr std::int64_t k_answer =
    20'000;  // how long a P that moves may take to hand over what it is asked for
constexpr std::int64_t k_short_answer = 5'000;  // one that computes may still use a mutex
constexpr std::int64_t k_spin = 40'000;  // looks without a nap for so long first: more than k_least_patience
constexpr std::int64_t k_look = 10'000;  // between two looks of that time
constexpr std::int64_t k_nap = 40'000;
constexpr std::int64_t k_nap_alone = 100'000;  // while one waits in the poller, and nobody runs
constexpr std::int64_t k_long_nap = 400'000;   // while the others run dry again and again, or share its core
constexpr std::int64_t k_quiet = 500'000;

// Where a queue stood at some moment. Only the watcher uses these, and there is one watcher at a time.
struct sight {
  bool valid = false;
  std::int64_t time = 0;
  std::uint64_t turns = 0;
  run_queue<goroutine>::marks marks{};
  // Kept at every look:
  std::uint64_t last_turns = 0;
  std::int64_t moved_at = 0;
  std::uint64_t last_dry = 0;

  // Does its goroutine compute?
  bool stands_still(std::int64_t now) const noexcept { return now - moved_at >= k_least_patience; }
};
using loot = run_queue<goroutine>::loot;
struct board {
  sight local[k_max_procs];
  bool global_valid = false;
  std::int64_t global_time = 0;
  std::uint64_t global_pushed = 0;
  bool noted = false;      // by who has woken the watcher
  bool continued = false;  // the last watch has ended for timers
  // Of the present watch.
  std::int64_t begun = 0;
  std::uint64_t activity = 0;
};
constinit board g_board;

// Is somebody still waiting who waited at the time of the sight?
bool still_waits(const sight& then, const run_queue<goroutine>::marks& now, std::uint64_t turns) noexcept {
  const bool ready_waits = static_cast<std::int32_t>(now.ready_head - then.marks.ready_tail) < 0 &&
                           then.marks.ready_head != then.marks.ready_tail;
  const bool fresh_waits = now.fresh_head != now.fresh_tail && now.fresh_head == then.marks.fresh_head &&
                           then.marks.fresh_head != then.marks.fresh_tail;
  const bool next_waits = now.run_next && now.run_next == then.marks.run_next && turns == then.turns;
  return ready_waits || fresh_waits || next_waits;
}

// How long may something wait beside a P that stands still, or moves on?
std::int64_t longest_wait(bool still) noexcept { return still ? k_least_patience : longest_patience(); }

bool waits_too_long(processor* pp, std::int64_t now) noexcept {
  sight& then = g_board.local[pp->id];
  const auto seen = pp->queue.look();
  const std::uint64_t turns = pp->turns();
  if (turns != then.last_turns) {
    then.last_turns = turns;
    then.moved_at = now;
  }
  if (!seen.empty() && then.valid && still_waits(then, seen, turns)) {
    const bool still = then.stands_still(now);
    return now - then.time >= (still && waits_after_unlock(pp) ? lock_patience(now) : longest_wait(still));
  }
  then.valid = !seen.empty();
  then.time = now;
  then.turns = turns;
  then.marks = seen;
  return false;
}

// Nobody takes from the global queue while all who run compute.
bool all_stand_still(std::int64_t now) noexcept {
  const int made = sched.made.load(std::memory_order_acquire);  // pairs with make_processor()
  for (int i = 0; i != made; ++i) {
    const bool held = sched.all[i].load(std::memory_order_relaxed)->owner.load(std::memory_order_relaxed);
    if (held && !g_board.local[i].stands_still(now)) return false;
  }
  return true;
}

bool global_waits_too_long(std::int64_t now) noexcept {
  if (sched.global.size() == 0) {
    g_board.global_valid = false;
    return false;
  }
  if (g_board.global_valid && sched.global.popped() < g_board.global_pushed) {
    return now - g_board.global_time >= longest_wait(all_stand_still(now));
  }
  g_board.global_valid = true;
  g_board.global_time = now;
  g_board.global_pushed = sched.global.pushed();
  return false;
}

void begin_account(std::int64_t now) noexcept {
  g_board.begun = now;
  g_board.activity = activity();
}

// Where a P has not moved since the last watch its sight is kept: what waits long there may have to wait for
// longer than one watch.
void begin_watch(std::int64_t now) noexcept {
  const int made = sched.made.load(std::memory_order_acquire);  // pairs with make_processor()
  for (int i = 0; i != made; ++i) {
    sight& s = g_board.local[i];
    const std::uint64_t turns = sched.all[i].load(std::memory_order_relaxed)->turns();
    if (std::exchange(s.last_turns, turns) == turns) continue;
    s.valid = false;
    s.moved_at = now;
  }
  g_board.global_valid = false;
  begin_account(now);
}

// Remembers what waits where nothing was seen to wait before.
void look_everywhere(std::int64_t now) noexcept {
  const int made = sched.made.load(std::memory_order_acquire);  // pairs with make_processor()
  for (int i = 0; i != made; ++i) waits_too_long(sched.all[i].load(std::memory_order_relaxed), now);
  global_waits_too_long(now);
}

// How long nobody looked, and what the others did meanwhile.
void note_watch(std::int64_t now) noexcept {
  const std::uint64_t turns = activity();
  note_alone(turns - g_board.activity, now - g_board.begun);
  g_board.begun = now;
  g_board.activity = turns;
}

// May this machine join those who move on? If not, the wait begins anew.
bool joins(std::int64_t now) noexcept {
  note_watch(now);
  if (worth_joining()) return true;
  for (sight& s : g_board.local) s.valid = false;
  begin_watch(now);
  return false;
}

// Asks the victim for half of its queue (steal_request.hpp); false if it has not answered in time.
bool ask(processor* victim, loot& got, std::int64_t longest) noexcept {
  machine* owner = victim->owner.load(std::memory_order_acquire);  // pairs with take_into_use()
  if (!owner) return false;
  victim->request.ask();
  owner->hold.call();
  const std::int64_t end = now_ns() + longest;
  do {
    if (victim->request.collect(got)) return true;
    pause();
  } while (now_ns() < end);
  if (victim->request.withdraw()) return false;
  unsigned spins = 0;
  while (!victim->request.collect(got)) real_atomics::backoff(spins);
  return true;
}

// Runs the first of the loot, queues the others here.
goroutine* stow(machine* mp, const processor* victim, loot got) noexcept {
  if (!got.items.first) return nullptr;
  processor* pp = mp->pp;
  trace_steal(mp, victim, got.items.size);
  pp->steals.add();
  pp->stolen.add(got.items.size);
  goroutine* first = got.items.pop_front();
  if (got.fresh) {
    while (goroutine* gp = got.items.pop_front()) {
      if (!pp->queue.push_fresh(gp)) sched.global.push(gp);
    }
  } else {
    // At most half a ring, into an empty one.
    pp->queue.push_ready_batch([&](auto push) {
      while (goroutine* gp = got.items.pop_front()) push(gp);
      return 0;
    });
  }
  return first;
}

// Takes half of what waits on the victim without asking. The watch ends before that, so that the heavy fence
// of the theft serves [MO-3] too: a second one would double the time until the stolen goroutine runs. And it
// is over only when all of the loot can be seen again.
goroutine* take_by_force(machine* mp, processor* victim) noexcept {
  const successor who = begin_resignation(mp);  // from here on the board may be another watcher's
  const loot got = victim->queue.steal();
  if (!got.items.first && who == successor::asleep)
    heavy_fence();  // the theft may have been given up before its own
  goroutine* gp = stow(mp, victim, got);
  if (who != successor::asleep) notify_submit();  // there may be a sentinel since
  complete_fenced_resignation(who);
  return gp;
}

// Who computes may still use channels, and answer, but never gives its next one away.
goroutine* steal_from(machine* mp, processor* victim, bool moves) noexcept {
  g_board.local[victim->id].valid = false;
  const bool after_unlock = !moves && waits_after_unlock(victim);
  loot got;
  if (!after_unlock && ask(victim, got, moves ? k_answer : k_short_answer) && (got.items.first || moves))
    return stow(mp, victim, got);
  goroutine* const gp = take_by_force(mp, victim);
  if (gp && after_unlock) begin_lock_trial(mp, victim);
  return gp;
}

// At once from a P that nobody holds: a machine may have slept with something left in its queue. Not by who
// has work itself: stow() needs room.
goroutine* steal_work(machine* mp, std::int64_t now) noexcept {
  processor* pp = mp->pp;
  if (!pp->queue.look().empty()) return nullptr;
  const auto made =
      static_cast<std::uint32_t>(sched.made.load(std::memory_order_acquire));  // pairs with make_processor()
  const std::uint32_t start = pp->dice.below(made);
  for (std::uint32_t i = 0; i != made; ++i) {
    processor* victim = sched.all[(start + i) % made].load(std::memory_order_relaxed);
    const bool held = victim->owner.load(std::memory_order_relaxed) != nullptr;
    if (victim == pp || (held && !waits_too_long(victim, now)) || victim->queue.look().empty()) continue;
    const bool moves = held && !g_board.local[victim->id].stands_still(now);
    if (moves && !joins(now)) return nullptr;
    if (goroutine* gp = steal_from(mp, victim, moves)) return gp;
    if (!mp->watching) return nullptr;
  }
  return nullptr;
}

bool run_all_timers(processor* pp, time_point now) noexcept {
  std::size_t fired = 0;
  const int made = sched.made.load(std::memory_order_acquire);  // pairs with make_processor()
  for (int i = 0; i != made; ++i) {
    processor* other = sched.all[i].load(std::memory_order_relaxed);
    fired += fire_due(pp, other->timers, now);
  }
  if (fired != 0) sched.pace.fired(now);
  return fired != 0;
}

// True if timers were due: then the watch ends, and the next one goes on with what this one has seen.
bool leaves_for_timers(processor* pp, std::int64_t now) noexcept {
  if (!run_all_timers(pp, time_point(clock::duration(now)))) return false;
  if (others_run()) {
    look_everywhere(now);
    g_board.continued = true;
  }
  return true;
}

// Has everybody who holds a P come to the end of its work since the last look? Then nothing has waited there
// for longer than that: those serve connections, and are about to ask the poller anyway.
bool all_ran_dry(const machine* mp) noexcept {
  bool all = true;
  const int made = sched.made.load(std::memory_order_acquire);  // pairs with make_processor()
  for (int i = 0; i != made; ++i) {
    const processor* pp = sched.all[i].load(std::memory_order_relaxed);
    const std::uint64_t dry = pp->ran_dry.get();
    const bool held = pp != mp->pp && pp->owner.load(std::memory_order_relaxed);
    if (std::exchange(g_board.local[i].last_dry, dry) == dry && held) all = false;
  }
  return all;
}

// Turns given and goroutines passed through the global queue: does anything happen?
std::uint64_t signs_of_life() noexcept { return sched.global.pushed() + activity(); }

// Does it run on the core of one that moves on? Each nap interrupts that one twice (a round trip over two
// channels took 220 ns there instead of 70, with 15 of 60 runs of ping_pong at 2 Ps beginning that way: some
// kernels put both on one core, to leave another without work), and what it would take has no core to run on.
bool disturbs(const machine* mp, std::int64_t now) noexcept {
  const int mine = current_core();
  const int made = sched.made.load(std::memory_order_acquire);  // pairs with make_processor()
  for (int i = 0; i != made; ++i) {
    const processor* pp = sched.all[i].load(std::memory_order_relaxed);
    const bool held = pp != mp->pp && pp->owner.load(std::memory_order_relaxed);
    if (held && mine >= 0 && pp->core.load(std::memory_order_relaxed) == mine &&
        !g_board.local[i].stands_still(now))
      return true;
  }
  return false;
}

// If one P works, and what waits there has been woken by an unlock: until that is to be taken, nearly. (On a
// core that shares its units with the one that works the usual naps cost it 16 %.)
std::int64_t longest_nap_beside_lock(const machine* mp, std::int64_t now) noexcept {
  if (working_processors() != 1) return 0;
  const int made = sched.made.load(std::memory_order_acquire);  // pairs with make_processor()
  for (int i = 0; i != made; ++i) {
    const processor* pp = sched.all[i].load(std::memory_order_relaxed);
    if (pp != mp->pp && waits_after_unlock(pp)) return std::min(lock_patience(now) / 4, k_long_nap);
  }
  return 0;
}

std::int64_t length_of_nap(const machine* mp, std::int64_t now) noexcept {
  if (!others_run()) return k_nap_alone;
  if (const std::int64_t nap = longest_nap_beside_lock(mp, now); nap > k_nap) return nap;
  if ((anybody_polls() && all_ran_dry(mp)) || disturbs(mp, now)) return k_long_nap;
  return k_nap;
}

void nap(machine* mp, std::int64_t now) noexcept {
  const time_point longest = clock::now() + std::chrono::nanoseconds(length_of_nap(mp, now));
  const time_point due = next_timer_wake();
  const time_point until = std::min(longest, due);
  if (mp->wake.sleep(&until)) return mp->wake.clear();  // a set that came late: nobody wakes a watcher
  if (due <= longest) sched.pace.woke(detail::now());
}

}  // namespace

namespace {

// Between two looks: each takes the cache lines that it looks at away from those who work.
void pass_time(machine* mp, std::int64_t begun, std::int64_t now) noexcept {
  if (now - begun >= k_spin) return nap(mp, now);
  while (now_ns() < now + k_look) pause();
}

bool takes_global(std::int64_t now) noexcept {
  if (sched.global.size() == 0) return false;
  if (!others_run()) return true;
  return global_waits_too_long(now) && (all_stand_still(now) || joins(now));
}

goroutine* watch_closely(machine* mp, bool has_sights) noexcept {
  processor* pp = mp->pp;
  const std::int64_t begun = now_ns();
  if (!has_sights) begin_watch(begun);
  std::int64_t last_change = begun;
  std::uint64_t seen = signs_of_life();
  for (;;) {
    const std::int64_t now = now_ns();
    if (sched.freezing.load(std::memory_order_relaxed)) return nullptr;
    if (pp->id >= sched.procs.load(std::memory_order_relaxed)) return nullptr;
    if (leaves_for_timers(pp, now)) {
      note_watch(now);
      return nullptr;
    }
    const bool served = sched.in_poller.load(std::memory_order_relaxed) != nullptr;
    if (!served && poll_is_due()) poll_now(mp);
    if (!pp->queue.look().empty()) return nullptr;
    if (goroutine* gp = steal_work(mp, now)) return gp;
    if (!mp->watching) return nullptr;
    if (takes_global(now)) return nullptr;
    if (const std::uint64_t n = signs_of_life(); n != seen) {
      seen = n;
      last_change = now;
    }
    const bool quiet = now - last_change >= k_quiet && !anything_queued();
    if (quiet || (!served && !others_run())) {
      sleep_as_sentinel(mp);
      return nullptr;
    }
    pass_time(mp, begun, now);
  }
}

// Because of earlier sights: before the timers, which come right after it.
goroutine* help_first(machine* mp, std::int64_t now) noexcept {
  goroutine* gp = steal_work(mp, now);
  if (gp) run_all_timers(mp->pp, time_point(clock::duration(now)));
  return gp;
}

}  // namespace

void note_sights() noexcept {
  const std::int64_t now = now_ns();
  if (std::exchange(g_board.continued, false)) {
    begin_account(now);
  } else {
    begin_watch(now);
  }
  look_everywhere(now);
  g_board.noted = true;
}

goroutine* watch(machine* mp) noexcept {
  const bool noted = std::exchange(g_board.noted, false);
  const bool continued = std::exchange(g_board.continued, false);
  const std::int64_t begun = now_ns();
  if (continued) begin_account(begun);
  if (noted || continued) {
    if (goroutine* gp = help_first(mp, begun)) return gp;
    if (!mp->watching) return nullptr;
  }
  if (leaves_for_timers(mp->pp, begun)) return nullptr;
  if (!others_run()) {
    if (goroutine* gp = steal_work(mp, now_ns())) return gp;
    if (!mp->watching) return nullptr;
    // Nothing to look after: sleep at once.
    if (sched.global.size() == 0 && mp->pp->queue.look().empty()) sleep_as_sentinel(mp);
    return nullptr;
  }
  return watch_closely(mp, noted || continued);
}

}  // namespace goro::detail
