// A lock is biased towards the machine (the thread of the runtime) that has taken it many times in a row:
// that machine then takes it without a locked instruction, until somebody else wants it.
//
// Goroutines that talk to each other mostly run on one P, one after the other, so most channels are used by
// one thread for a long time. A compare-and-swap waits until everything before it is done: on a buffered
// channel the two of a send and a receive were 7 of 12 ns.
//
// Each machine has a few places, which are never freed. To hold a lock by bias is to have it in one of them.
//
//   a machine     place = lock;  light_fence;  towards == me?  then it has the lock
//                 else place = null; it takes the word like everybody
//                 release: place = null
//   by the word   takes it (lock.hpp). If the lock is biased: towards = nobody;  heavy_fence;
//                 waits until none of that machine's places is the lock; then it has it
//                 release: word = 0
//
// (A look at `towards` before that spares who is not biased two stores, and takes 6 of the 61 instructions of
// a mutex's lock and unlock: not worth it.)
//
// Who releases the lock itself keeps in mind at which place it has it. One that parks has its lock released
// by whoever runs next, so it notes the place in the lock, as everybody does who calls acquire() and
// release() instead of enter() and leave(). The note is of its last use and may be of another place than the
// lock is held at now: who has entered must leave, or note the place before anybody else releases.
//
// The bias changes hands only under the word, so there is one who ends it at a time, and a machine that was
// biased before and is slow to notice disturbs nobody: it writes to its own place, which only those look at
// who take the bias from it. A machine that is to have the bias puts the lock, which it holds by the word,
// into a place first, and then releases the word.
//
// [MO-9] Dekker: `place` and `towards`. The fences see to it that the machine sees that it has lost the bias,
// or the other sees the lock in its place, or both. The release of the place pairs with the acquire of who
// waits for it and carries the data; who finds another lock there already has it from the store of that one,
// hence a release, too. In the other direction, and for all that goes through the word, the word does. Tests
// that fail without one of these: model.lock_bias_*.
//
// To end a bias costs a heavy fence, 0.5 to 45 us. So it must have been earned: it takes 256 times in a
// row, then, each time that one was ended, four times as many as before, up to 16,384. (Two that take turns
// of 20,000 locks and unlocks of a mutex: 7.4 ns each; 12 with up to 65,535; 4.9 with up to 4,096, but then
// turns of 2,300 take 19 instead of 15.) Where fences are symmetric nobody is biased (lock.cpp): nothing
// would be gained, and who enters by bias has no full fence.
//
// Why not the P: a goroutine that uses a channel without entering the runtime (chan_element.hpp) may lose its
// P in the middle, but never its thread. A plain thread has no places and is never biased to. Who holds more
// locks than it has places, in a select over many channels, takes the rest by the word, and ends its own bias
// with it. A signal handler must not use a lock that its thread may hold: it waits for ever, or, in the
// middle of a select, breaks in.
//
// Not to be confused with biased_lock (base/biased_lock.hpp), whose owner is always the same.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include <goro/detail/atomics.hpp>
#include <goro/detail/tls.hpp>

namespace goro::detail {

// Of one machine: the locks that it holds by bias.
template <class Atomics>
struct basic_lock_places {
  using place = typename Atomics::template atomic<const void*>;
  std::array<place, 8> all{};

  // When acquiring a lock by its word last ended a bias, which may have taken some tens of microseconds; in
  // ns of the steady clock. For sched/lock_trial.hpp.
  typename Atomics::template atomic<std::int64_t> ended_bias{0};
};

// Each time that a bias was ended the next one costs 2^GrowthBits times as much.
template <class Atomics, unsigned GrowthBits = 2>
class basic_lock_bias {
 public:
  using places = basic_lock_places<Atomics>;

  // The word that whoever has no bias takes; it stands here because it fills a gap.
  using word_type = typename Atomics::template atomic<std::uint32_t>;
  word_type& word() noexcept { return word_; }

  using place = typename places::place;

  // The caller has the lock by bias, at the place that this returns. Null: it is to take the word. See
  // lock::acquire().
  [[gnu::always_inline]] place* try_enter(places* me, std::size_t likely_free = 0) noexcept {
    if (!me) [[unlikely]]
      return nullptr;
    place& p = me->all[likely_free % me->all.size()];
    if (p.load(std::memory_order_relaxed)) [[unlikely]]
      return try_enter_beside_others(me);
    return enter(p, me);
  }

  // The rest is for whoever has the lock.

  static void leave(place& held_at) noexcept {
    held_at.store(nullptr, std::memory_order_release);  // pairs with revoke()
  }

  // For a release by somebody who does not know the place: a goroutine that parks has its lock released by
  // whoever runs next. Null: the lock is held by the word. Whoever ends a bias clears it.
  void remember(place& held_at) noexcept { held_at_ = &held_at; }
  place* remembered() const noexcept { return held_at_; }

  // With the word: is there a bias that has to be ended first?
  bool stands() const noexcept { return is_bias(towards_.load(std::memory_order_relaxed)); }

  // With the word, and no bias stands: has `me` taken it so often in a row that it should get the bias?
  // `price()` is that of the first one.
  template <class Price>
  bool earned(places* me, Price price) noexcept {
    if (towards_.load(std::memory_order_relaxed) != (bits(me) | k_candidate)) [[unlikely]] {
      towards_.store(bits(me) | k_candidate, std::memory_order_relaxed);
      left_ = risen(price());
      return false;
    }
    left_ = static_cast<std::uint16_t>(left_ - 1);
    return left_ == 0;
  }

  // With the word: from now on `me`, who has a machine, holds the lock by bias, and is to release the word.
  // Fences must be asymmetric. False if there is no place left. Where it is not given the next attempt comes
  // after 65,536 times more.
  bool give(places* me) noexcept {
    for (place& p : me->all) {
      if (p.load(std::memory_order_relaxed)) continue;
      p.store(this, std::memory_order_release);  // pairs with revoke() of the lock that was there before
      held_at_ = &p;
      towards_.store(bits(me), std::memory_order_relaxed);
      return true;
    }
    return false;
  }

  // With the word, while a bias stands. Returns when that machine is out of the lock.
  void revoke() noexcept {
    const places* const owner = places_of(towards_.load(std::memory_order_relaxed));
    towards_.store(0, std::memory_order_relaxed);
    Atomics::heavy_fence();  // [MO-9]
    unsigned spins = 0;
    for (const place& p : owner->all) {
      while (p.load(std::memory_order_acquire) == this) Atomics::backoff(spins);  // pairs with leave()
    }
    held_at_ = nullptr;
    if (revoked_ != k_most_growths) revoked_ = static_cast<std::uint16_t>(revoked_ + 1);
  }

  // By who knows that nobody enters any more: returns when whoever is biased has left.
  void wait_until_left() const noexcept {
    const std::uintptr_t towards = towards_.load(std::memory_order_relaxed);
    if (!is_bias(towards)) return;
    unsigned spins = 0;
    for (const place& p : places_of(towards)->all) {
      while (p.load(std::memory_order_acquire) == this) Atomics::backoff(spins);  // pairs with leave()
    }
  }

 private:
  using count = typename Atomics::template cell<std::uint16_t>;

  static constexpr std::uintptr_t k_candidate = 1;  // the rest is who took the lock last, by the word
  static constexpr unsigned k_most_growths = 3;     // how often the price grows

  static std::uintptr_t bits(const places* p) noexcept { return reinterpret_cast<std::uintptr_t>(p); }
  static const places* places_of(std::uintptr_t bias) noexcept {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): it shares its word with a mark
    return reinterpret_cast<const places*>(bias);
  }
  static bool is_bias(std::uintptr_t towards) noexcept {
    return towards != 0 && (towards & k_candidate) == 0;
  }
  std::uint16_t risen(std::uint16_t price) const noexcept {
    return static_cast<std::uint16_t>(
        std::min<std::uint32_t>(std::uint32_t{price} << (GrowthBits * revoked_), UINT16_MAX));
  }

  [[gnu::always_inline]] place* enter(place& p, const places* me) noexcept {
    p.store(this, std::memory_order_release);  // pairs with revoke() of the lock that was there before
    Atomics::light_fence_where_asymmetric();   // [MO-9]: elsewhere nobody is biased
    if (towards_.load(std::memory_order_relaxed) == bits(me)) [[likely]]
      return &p;
    p.store(nullptr, std::memory_order_release);  // pairs with revoke()
    return nullptr;
  }

  [[gnu::noinline]] place* try_enter_beside_others(places* me) noexcept {
    place* free = nullptr;
    for (place& p : me->all) {
      const void* const held = p.load(std::memory_order_relaxed);
      if (held == this) return nullptr;
      if (!held) free = &p;
    }
    return free ? enter(*free, me) : nullptr;
  }

  word_type word_{0};
  // Guarded by the word: how many more times in a row, and how often a bias was ended.
  count left_{0};
  count revoked_{0};
  typename Atomics::template atomic<std::uintptr_t> towards_{0};
  typename Atomics::template cell<place*> held_at_{nullptr};  // see remember()
};

using lock_bias = basic_lock_bias<real_atomics>;

}  // namespace goro::detail
