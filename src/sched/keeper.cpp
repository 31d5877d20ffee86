// The keeper looks once in a second at what the process holds and does not need:
//
//   1. The caches of idle Ps are flushed, here, under the scheduler's lock, without which nobody takes an
//      idle P; the others are asked to flush theirs.
//   2. What was free in the pools since the last look is given back: descriptors, stacks; and the memory of
//      large queues that are empty.
//   3. The unused parts of the stacks of parked goroutines are given back (stack/shrink.hpp).
//   4. Machines that have been idle for some rounds end; those that have ended are joined.
//   5. The cores that the program may use are counted anew (os/cpu_count.hpp).
//   6. With GORO_DEBUG=deadlocks=1 it looks for goroutines that nobody can wake any more (diag/hopeless.hpp).
//   7. It is the one that answers SIGQUIT (diag/quit.cpp): the only work that does not wait for the next
//   look.
//
// A look may take long where there are millions of goroutines, so one that was of no use is followed by a
// rest of up to three seconds, that it takes little of a core's time. When a look has found nothing, nothing
// has run since the one before, and no P is held, the keeper goes to sleep until somebody takes a P: an idle
// program has no thread that wakes up. Both the decision and the taking of a P are made under the scheduler's
// lock, so none is missed.
#include "sched/keeper.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "diag/hopeless.hpp"
#include "diag/quit.hpp"
#include "os/thread.hpp"
#include "sched/helper_thread.hpp"
#include "sched/scheduler.hpp"
#include "sched/worth.hpp"
#include "stack/shrink.hpp"

namespace goro::detail {

namespace {

constexpr std::chrono::milliseconds k_period{1000};
constexpr std::chrono::milliseconds k_longest{3000};
constexpr int k_share = 4000;  // of a core's time, up to the longest rest: a million goroutines take more
constexpr std::uint32_t k_idle_rounds = 5;  // after which a thread that nobody needs ends

constinit helper_thread g_keeper;

// True if there was anything.
bool flush_idle_processors() noexcept {
  bool any = false;
  const int made = sched.made.load(std::memory_order_acquire);  // pairs with make_processor()
  const lock_guard guard(sched.guard);
  for (int i = 0; i != made; ++i) {
    processor* pp = sched.all[i].load(std::memory_order_relaxed);
    if (pp->owner.load(std::memory_order_relaxed)) continue;
    any |= pp->flush_caches();
  }
  return any;
}

bool shrink_queues() noexcept {
  bool any = sched.global.shrink();
  const int made = sched.made.load(std::memory_order_acquire);  // pairs with make_processor()
  for (int i = 0; i != made; ++i) any |= sched.all[i].load(std::memory_order_relaxed)->timers.shrink();
  return any;
}

struct findings {
  bool gave_back = false;
  bool more = false;  // there is, or may soon be, more to do
};

// `active`: goroutines have run since the last look.
findings look_around(bool active) noexcept {
  sched.flush_round.fetch_add(1, std::memory_order_relaxed);
  findings found;
  found.more = flush_idle_processors();
  found.gave_back = give_back_free_stacks() != 0;
  found.gave_back |= give_back_descriptors() != 0;
  found.gave_back |= shrink_queues();
  found.more |= trim_parked_stacks();
  found.more |= report_hopeless();
  found.more |= dismiss_idle_machines(k_idle_rounds);
  found.more |= join_left_machines();
  if (active || running_processors() != 0) follow_cpu_count();
  found.more |= found.gave_back;
  return found;
}

// Sleeps for ever, unless a P is held or was meanwhile.
bool may_sleep(std::uint64_t turns_before) noexcept {
  const lock_guard guard(sched.guard);
  if (running_processors() != 0 || activity() != turns_before) return false;
  g_keeper.fall_asleep();
  return true;
}

void* keeper_thread(void*) {
  race_hide();
  for (std::uint64_t turns = 0; !sched.freezing.load(std::memory_order_relaxed);) {
    const std::int64_t before = own_cpu_time();
    const std::uint64_t turns_before = std::exchange(turns, activity());
    const findings found = look_around(turns != turns_before);
    const std::chrono::nanoseconds took(own_cpu_time() - before);
    if (!found.more && may_sleep(turns_before)) g_keeper.sleep_until_roused();
    answer_quit();
    const int share = found.gave_back ? 0 : k_share;
    g_keeper.sleep_until(clock::now() + std::clamp<clock::duration>(share * took, k_period, k_longest));
    answer_quit();
  }
  for (;;) {  // the process is ending, and may be asked what it waits for
    g_keeper.sleep_until_roused();
    answer_quit();
  }
}

}  // namespace

void rouse_keeper() noexcept { g_keeper.rouse(); }

void hurry_keeper() noexcept { g_keeper.hurry(); }

bool start_keeper() noexcept { return start_helper(keeper_thread); }

}  // namespace goro::detail
