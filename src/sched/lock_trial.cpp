#include "sched/lock_trial.hpp"

#include <algorithm>

#include "os/clock.hpp"
#include "sched/scheduler.hpp"

namespace goro::detail {

namespace {

constexpr std::int64_t k_trial = k_least_patience;
constexpr std::int64_t k_longest_lock_patience = 2'000'000;  // ns
constexpr std::int64_t k_verdict_lapses = 10'000'000;        // ns
constexpr std::int64_t k_longest_entry = 100'000;            // ns, to end a bias included

class trial {
 public:
  void begin(const machine* thief, const processor* victim) noexcept {
    thief_.store(thief, std::memory_order_release);  // pairs with is_over()
    victim_.store(victim, std::memory_order_relaxed);
    lock_.store(victim->woken_by_lock.lock.load(std::memory_order_relaxed), std::memory_order_relaxed);
    begun_.store(now_ns(), std::memory_order_release);  // pairs with begun()
  }

  // When; 0: there is none. If there is, there is a thief.
  std::int64_t begun() const noexcept { return begun_.load(std::memory_order_acquire); }

  bool is_about(const machine* mp, const void* lock) const noexcept {
    return lock_.load(std::memory_order_relaxed) == lock &&
           (thief_.load(std::memory_order_relaxed) == mp ||
            victim_.load(std::memory_order_relaxed) == mp->pp.get());
  }

  // If the lock was biased towards the victim, it took the thief longer to get it than all else.
  bool is_over(std::int64_t begun, std::int64_t now) const noexcept {
    // Perhaps that of the next trial already, whose machine was made just now.
    const machine* const thief = thief_.load(std::memory_order_acquire);  // pairs with begin()
    const std::int64_t entered = thief->places.ended_bias.load(std::memory_order_relaxed);
    return now - (entered - begun < k_longest_entry ? std::max(begun, entered) : begun) >= k_trial;
  }

  void conclude(bool good, std::int64_t now) noexcept {
    const std::int64_t longer = std::min(2 * patience(now), k_longest_lock_patience);
    patience_.store(good ? k_least_patience : longer, std::memory_order_relaxed);
    lapses_.store(now + k_verdict_lapses, std::memory_order_relaxed);
    begun_.store(0, std::memory_order_relaxed);
  }

  std::int64_t patience(std::int64_t now) const noexcept {
    const bool lapsed = now >= lapses_.load(std::memory_order_relaxed);
    return lapsed ? k_least_patience : patience_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::int64_t> patience_{k_least_patience};
  std::atomic<std::int64_t> lapses_{0};
  std::atomic<std::int64_t> begun_{0};
  std::atomic<const machine*> thief_{nullptr};
  std::atomic<const processor*> victim_{nullptr};
  std::atomic<const void*> lock_{nullptr};
};
constinit trial g_lock_trial;

}  // namespace

std::int64_t lock_patience(std::int64_t now) noexcept {
  const std::int64_t begun = g_lock_trial.begun();
  if (begun != 0 && g_lock_trial.is_over(begun, now)) g_lock_trial.conclude(true, now);
  return g_lock_trial.patience(now);
}

bool waits_after_unlock(const processor* pp) noexcept {
  const auto seen = pp->queue.look();
  return seen.run_next && seen.size() == 1 &&
         pp->woken_by_lock.who.load(std::memory_order_relaxed) == seen.run_next &&
         pp->woken_by_lock.turn.load(std::memory_order_relaxed) == pp->turns();
}

void begin_lock_trial(const machine* thief, processor* victim) noexcept {
  g_lock_trial.begin(thief, victim);
  victim->woken_by_lock.who.store(nullptr, std::memory_order_relaxed);  // whoever wakes it again
}

void note_lock_wake(machine* mp, resumable who, const void* lock) noexcept {
  if (!mp || !mp->pp) return;
  lock_wake& noted = mp->pp->woken_by_lock;
  noted.who.store(who.as_goroutine(), std::memory_order_relaxed);
  noted.lock.store(lock, std::memory_order_relaxed);
  noted.turn.store(mp->pp->turns(), std::memory_order_relaxed);
}

void note_lock_wait(const machine* mp, const void* lock) noexcept {
  const std::int64_t begun = g_lock_trial.begun();
  if (begun == 0 || !mp || !g_lock_trial.is_about(mp, lock)) return;
  const std::int64_t now = now_ns();
  g_lock_trial.conclude(g_lock_trial.is_over(begun, now), now);
}

}  // namespace goro::detail
