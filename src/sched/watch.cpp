// The watcher: the one idle machine that is awake while others work, and decides when a second core is worth
// it.
//
// It takes work from a P only if that work has waited for k_patience: then the P is not keeping up, whatever
// the reason: its goroutine computes, or its queue is long. Work that comes and goes faster is left alone.
// Two goroutines that hand each other the turn, a channel with its senders and receivers, a thousand that
// yield in turn: each runs faster on one core than on two that fight for the same cache lines.
//
// How long something waits is seen from outside, without disturbing the owner: remember where the queue stood
// (a sight), look again later. FIFO queues: has the head passed the former tail? Newest-first queue: has the
// oldest one gone? run_next: still the same one, in the same turn?
//
// Between two looks it naps (about 17 us of CPU each on the reference machine, because it is a sleep and a
// wake-up); a goroutine that is made ready by one that keeps computing starts within a nap and k_patience.
// When nothing has been submitted for k_quiet, or nobody runs, it goes to sleep as the sentinel (idle.cpp).
#include "base/atomics.hpp"
#include "os/clock.hpp"
#include "sched/turn.hpp"

namespace goro::detail {

namespace {

constexpr std::int64_t k_patience = 20'000;  // ns
constexpr std::int64_t k_spin = 40'000;      // looks without a nap for so long first: more than k_patience
constexpr std::int64_t k_nap = 40'000;
constexpr std::int64_t k_quiet = 500'000;

// Where a queue stood at some moment. Only the watcher uses these, and there is one watcher at a time.
struct sight {
  bool valid = false;
  std::int64_t time = 0;
  std::uint64_t tick = 0;
  run_queue<goroutine>::marks marks{};
};
struct board {
  sight local[k_max_procs];
  bool global_valid = false;
  std::int64_t global_time = 0;
  std::uint64_t global_pushed = 0;
};
constinit board g_board;

// Is somebody still waiting who waited at the time of the sight?
bool still_waits(const sight& then, const run_queue<goroutine>::marks& now, std::uint64_t tick) noexcept {
  const bool ready_waits = static_cast<std::int32_t>(now.ready_head - then.marks.ready_tail) < 0 &&
                           then.marks.ready_head != then.marks.ready_tail;
  const bool fresh_waits = now.fresh_head != now.fresh_tail && now.fresh_head == then.marks.fresh_head &&
                           then.marks.fresh_head != then.marks.fresh_tail;
  const bool next_waits = now.run_next && now.run_next == then.marks.run_next && tick == then.tick;
  return ready_waits || fresh_waits || next_waits;
}

bool waits_too_long(processor* pp, std::int64_t now) noexcept {
  sight& then = g_board.local[pp->id];
  const auto seen = pp->queue.look();
  const std::uint64_t tick = pp->tick.load(std::memory_order_relaxed);
  if (seen.empty()) {
    then.valid = false;
    return false;
  }
  if (then.valid && still_waits(then, seen, tick)) return now - then.time >= k_patience;
  then = {.valid = true, .time = now, .tick = tick, .marks = seen};
  return false;
}

bool global_waits_too_long(std::int64_t now) noexcept {
  if (sched.global.size() == 0) {
    g_board.global_valid = false;
    return false;
  }
  if (g_board.global_valid && sched.global.popped() < g_board.global_pushed) {
    return now - g_board.global_time >= k_patience;
  }
  g_board.global_valid = true;
  g_board.global_time = now;
  g_board.global_pushed = sched.global.pushed();
  return false;
}

void forget_sights(int made) noexcept {
  for (int i = 0; i != made; ++i) g_board.local[i].valid = false;
  g_board.global_valid = false;
}

// Takes half of what waits on the victim; runs the first, queues the others here.
goroutine* steal_from(processor* victim, processor* pp) noexcept {
  auto loot = victim->queue.steal();
  if (!loot.items.first) return nullptr;
  pp->steals.add();
  pp->stolen.add(loot.items.size);
  goroutine* first = loot.items.pop_front();
  if (loot.fresh) {
    while (goroutine* gp = loot.items.pop_front()) {
      if (!pp->queue.push_fresh(gp)) sched.global.push(gp);
    }
  } else {
    // At most half a ring, into an empty one.
    pp->queue.push_ready_batch([&](auto push) {
      while (goroutine* gp = loot.items.pop_front()) push(gp);
      return 0;
    });
  }
  g_board.local[victim->id].valid = false;
  return first;
}

// At once from a P that nobody holds: a machine may have slept with something left in its queue.
goroutine* steal_work(processor* pp, std::int64_t now) noexcept {
  const auto made =
      static_cast<std::uint32_t>(sched.made.load(std::memory_order_acquire));  // pairs with make_processor()
  const std::uint32_t start = pp->dice.below(made);
  for (std::uint32_t i = 0; i != made; ++i) {
    processor* victim = sched.all[(start + i) % made].load(std::memory_order_relaxed);
    const bool held = victim->owner.load(std::memory_order_relaxed) != nullptr;
    if (victim == pp || (held && !waits_too_long(victim, now)) || victim->queue.look().empty()) continue;
    if (goroutine* gp = steal_from(victim, pp)) return gp;
  }
  return nullptr;
}

bool run_all_timers(processor* pp, time_point now) noexcept {
  std::size_t fired = 0;
  const int made = sched.made.load(std::memory_order_acquire);  // pairs with make_processor()
  for (int i = 0; i != made; ++i) {
    processor* other = sched.all[i].load(std::memory_order_relaxed);
    if (other->timers.next_due() <= now) fired += other->timers.fire_due(now);
  }
  if (fired != 0) pp->timers_fired.add(fired);
  return fired != 0;
}

// Turns given and goroutines passed through the global queue: does anything happen?
std::uint64_t activity() noexcept {
  std::uint64_t sum = sched.global.pushed();
  const int made = sched.made.load(std::memory_order_acquire);  // pairs with make_processor()
  for (int i = 0; i != made; ++i) {
    sum += sched.all[i].load(std::memory_order_relaxed)->tick.load(std::memory_order_relaxed);
  }
  return sum;
}

void nap(machine* mp) noexcept {
  const time_point longest = clock::now() + std::chrono::nanoseconds(k_nap);
  const time_point due = earliest_timer();
  const time_point until = std::min(longest, due);
  if (mp->wake.sleep(&until)) mp->wake.clear();  // a set that came late: nobody wakes a watcher
}

}  // namespace

namespace {

goroutine* watch_closely(machine* mp) noexcept {
  processor* pp = mp->pp;
  forget_sights(sched.made.load(std::memory_order_acquire));
  const std::int64_t begun = now_ns();
  std::int64_t last_change = begun;
  std::uint64_t seen = activity();
  for (;;) {
    const std::int64_t now = now_ns();
    if (sched.freezing.load(std::memory_order_relaxed)) return nullptr;
    if (pp->id >= sched.procs.load(std::memory_order_relaxed)) return nullptr;
    if (run_all_timers(pp, time_point(clock::duration(now)))) return nullptr;
    if (!pp->queue.look().empty()) return nullptr;
    if (goroutine* gp = steal_work(pp, now)) return gp;
    if (sched.global.size() != 0 && (global_waits_too_long(now) || !others_run())) return nullptr;
    if (const std::uint64_t n = activity(); n != seen) {
      seen = n;
      last_change = now;
    }
    if (now - last_change >= k_quiet || !others_run()) {
      sleep_as_sentinel(mp);
      return nullptr;
    }
    if (now - begun < k_spin) {
      pause();
    } else {
      nap(mp);
    }
  }
}

}  // namespace

goroutine* watch(machine* mp) noexcept {
  if (run_all_timers(mp->pp, now())) return nullptr;
  if (!others_run()) {
    if (goroutine* gp = steal_work(mp->pp, now_ns())) return gp;
    // Nothing to look after: sleep at once.
    if (sched.global.size() == 0 && mp->pp->queue.look().empty()) sleep_as_sentinel(mp);
    return nullptr;
  }
  return watch_closely(mp);
}

}  // namespace goro::detail
