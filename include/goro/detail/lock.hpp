// The lock inside channels and inside the runtime: held for some nanoseconds, never across a park of its
// holder's own making, except that a park may pass it to the scheduler, which releases it once the goroutine
// is off its stack.
//
// A word that is free (0) or held (1). Acquiring costs one compare-and-swap, releasing one plain store:
// whether anybody sleeps on any lock of the process is looked up afterwards, in a count that belongs to no
// lock, and the StoreLoad barrier between the two is paid by the sleeper (fence.hpp).
//
//   release:  word = 0;    light_fence;  if (sleepers != 0) futex_wake(address)
//   sleeper:  ++sleepers;  heavy_fence;  until the word is taken: futex_wait(word, 1);  --sleepers
//
// [MO-1] Either the releaser sees the sleeper's count and wakes it, or the sleeper sees the word free; the
// kernel's own check in futex_wait covers the rest. Test that fails without it: model.lock_*.
//
// After the store, release() touches only the lock's address, never its memory, so the lock may be destroyed
// by whoever gets it next: a receiver may free a channel whose sender has not yet returned. That is why the
// count is common to all. While somebody sleeps on one lock, releases of the others make needless system
// calls; that is rare: a sleeper waits for a thread that has lost its core within some nanoseconds. Rejected:
// a futex mutex whose release is an exchange; it costs 2 ns more, four times in a round trip over channels.
//
// A machine that takes a lock again and again has it by bias, without the word: see lock_bias.hpp.
#pragma once

#include <atomic>
#include <cstdint>

#include <goro/detail/fence.hpp>
#include <goro/detail/lock_bias.hpp>

namespace goro::detail {

using lock_place = lock_bias::place;

class lock {
 public:
  constexpr lock() noexcept = default;
  lock(const lock&) = delete;
  lock& operator=(const lock&) = delete;

  // By a thread that has no places, or will hardly come again: a bias ends with it, the caller's own, too.
  void acquire() noexcept {
    take_word();
    if (bias_.stands()) [[unlikely]]
      revoke_bias();
  }

  // By who may come often: `me` are the calling thread's places, or null. `likely_free` is the index of one
  // of them that holds no other lock, as far as the caller knows.
  [[gnu::always_inline]] void acquire(lock_places* me, std::size_t likely_free = 0) noexcept {
    if (lock_place* const at = enter(me, likely_free)) bias_.remember(*at);
  }

  // The same for a holder that releases it itself, by leave() with what this returns. To note the place in
  // the lock and to look it up again made the release wait: together with a call for the thread's places and
  // a look at the kind of fences it was 7.0 ns instead of 4.6 for a send and a receive on a buffered channel.
  [[gnu::always_inline]] lock_place* enter(lock_places* me, std::size_t likely_free = 0) noexcept {
    lock_place* const at = bias_.try_enter(me, likely_free);
    if (!at) [[unlikely]]
      acquire_by_word(me);
    return at;
  }
  void leave(lock_place* at) noexcept {
    if (at) [[likely]]
      return lock_bias::leave(*at);
    release();
  }

  // False if somebody has the word; waits for who is in the lock by bias.
  bool try_acquire() noexcept {
    if (!try_word()) return false;
    if (bias_.stands()) [[unlikely]]
      revoke_bias();
    return true;
  }

  // How often a machine must take a lock in a row before it is biased for the first time, at least once.
  // Tests want less than usual. (4,096 are too many for the prime sieve, most of whose 2,500 channels are
  // used less often: 167 ms instead of 128. 64 are too few for channels that go to the other P after 100
  // uses: 38 ns a send and a receive instead of 17. With 256 the worst, after 400, is 20 instead of 15.)
  static constexpr std::uint16_t k_usual_bias_price = 256;
  static void set_bias_price(std::uint16_t times) noexcept {
    s_bias_price.store(times, std::memory_order_relaxed);
  }

  // By who knows that nobody will take it any more. Returns when whoever holds the lock has released it. The
  // word comes first: who has it may go over to a place, and then releases it.
  void wait_until_free() noexcept {
    if (bias_.word().load(std::memory_order_acquire) != 0) {  // pairs with release_word()
      take_word();
      release_word();
    }
    bias_.wait_until_left();
  }

  void release() noexcept {
    if (lock_place* const at = bias_.remembered()) {
      lock_bias::leave(*at);
    } else {
      release_word();
    }
  }

 private:
  friend void choose_fences() noexcept;

  bool try_word() noexcept {
    std::uint32_t free = 0;
    return bias_.word().compare_exchange_strong(free, 1,
                                                std::memory_order_acquire,  // pairs with release_word()
                                                std::memory_order_relaxed);
  }
  void take_word() noexcept {
    if (!try_word()) [[unlikely]]
      take_word_slowly();
  }
  void release_word() noexcept {
    std::atomic<std::uint32_t>* const address = &bias_.word();
    bias_.word().store(0, std::memory_order_release);  // pairs with try_word()
    std::atomic_signal_fence(
        std::memory_order_seq_cst);  // [MO-1]: light_fence(), whose other case is in s_attention
    if (s_attention.load(std::memory_order_relaxed) != 0) [[unlikely]]
      release_slow(address);
  }

  // The number of sleepers, plus k_no_asymmetric_fences where light fences must be full ones: one look for
  // both.
  static std::atomic<std::uint32_t> s_attention;
  static constexpr std::uint32_t k_no_asymmetric_fences = 1U << 31;

  static std::atomic<std::uint16_t> s_bias_price;

  void take_word_slowly() noexcept;
  void acquire_by_word(lock_places* me) noexcept;  // and earns the bias, or ends that of another
  void revoke_bias() noexcept;
  static void release_slow(std::atomic<std::uint32_t>* word) noexcept;

  lock_bias bias_;
};
static_assert(sizeof(lock) == 24 || sizeof(void*) != 8);

class [[nodiscard]] lock_guard {
 public:
  explicit lock_guard(lock& l) noexcept : lock_(l), at_(nullptr) { lock_.acquire(); }
  lock_guard(lock& l, lock_places* me, std::size_t likely_free = 0) noexcept
      : lock_(l), at_(lock_.enter(me, likely_free)) {}
  ~lock_guard() { lock_.leave(at_); }
  lock_guard(const lock_guard&) = delete;
  lock_guard& operator=(const lock_guard&) = delete;

 private:
  lock& lock_;
  lock_place* at_;
};

}  // namespace goro::detail
