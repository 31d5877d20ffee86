#include "sched/lock_trial.hpp"

#include <algorithm>

#include "os/clock.hpp"
#include "sched/scheduler.hpp"

namespace goro::detail {

namespace {

constexpr std::int64_t k_trial = k_least_patience;
constexpr std::int64_t k_longest = 1'000'000;  // ns

struct trial {
  std::atomic<std::int64_t> begun{0};  // 0: there is none
  std::atomic<const machine*> thief{nullptr};
  std::atomic<const processor*> victim{nullptr};
  std::atomic<const void*> lock{nullptr};

  bool is_about(const machine* mp, const void* l) const noexcept {
    return lock.load(std::memory_order_relaxed) == l &&
           (thief.load(std::memory_order_relaxed) == mp ||
            victim.load(std::memory_order_relaxed) == mp->pp.get());
  }
  // When the thief had the lock: if that was biased towards the victim, to get it took longer than all else.
  std::int64_t lock_taken() const noexcept {
    return thief.load(std::memory_order_relaxed)->places.ended_bias.load(std::memory_order_relaxed);
  }
};
constinit trial g_trial;
constinit std::atomic<std::int64_t> g_patience{k_least_patience};

void conclude(bool good) noexcept {
  const std::int64_t longer = std::min(2 * g_patience.load(std::memory_order_relaxed), k_longest);
  g_patience.store(good ? k_least_patience : longer, std::memory_order_relaxed);
  g_trial.begun.store(0, std::memory_order_relaxed);
}

}  // namespace

std::int64_t lock_patience(std::int64_t now) noexcept {
  const std::int64_t begun = g_trial.begun.load(std::memory_order_relaxed);
  if (begun != 0 && now - begun >= k_trial) conclude(true);
  return g_patience.load(std::memory_order_relaxed);
}

void begin_lock_trial(const machine* thief, const processor* victim) noexcept {
  g_trial.thief.store(thief, std::memory_order_relaxed);
  g_trial.victim.store(victim, std::memory_order_relaxed);
  g_trial.lock.store(victim->woken_by_lock.lock.load(std::memory_order_relaxed), std::memory_order_relaxed);
  g_trial.begun.store(now_ns(), std::memory_order_release);  // pairs with note_lock_wait()
}

void note_lock_wake(machine* mp, resumable who, const void* lock) noexcept {
  if (!mp) return;
  woken_by_lock& noted = mp->pp->woken_by_lock;
  noted.who.store(who.as_goroutine(), std::memory_order_relaxed);
  noted.lock.store(lock, std::memory_order_relaxed);
  noted.turn.store(mp->pp->turns(), std::memory_order_relaxed);
}

void note_lock_wait(const machine* mp, const void* lock) noexcept {
  const std::int64_t begun = g_trial.begun.load(std::memory_order_acquire);  // there is a thief
  if (begun == 0 || !mp || !g_trial.is_about(mp, lock)) return;
  conclude(now_ns() - std::max(begun, g_trial.lock_taken()) >= k_trial);
}

}  // namespace goro::detail
