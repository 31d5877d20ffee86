// A lock that belongs to one thread (the owner) and is now and then taken by another (a thief).
//
// The owner's side is two stores and a load, less than 1 ns; a compare-and-swap would cost 2.7. A thief pays
// for both with a heavy fence (0.5 to 45 us), which it does only once it has decided to take something.
//
//   owner:  inside = 1;  light_fence;  if (thief) { inside = 0; wait for thief == 0; start again }
//           ... critical section ...
//           inside = 0 (release)
//   thief:  thief = 1 (exchange: one thief at a time);  heavy_fence;  wait for inside == 0 (acquire)
//           ... critical section ...
//           thief = 0 (release)
//
// [MO-2] Dekker: the two fences make sure that the owner sees `thief` or the thief sees `inside`, or both;
// then the owner steps back, so nobody waits for ever. The release stores pair with the acquire loads of the
// other side and carry the data. Test that fails without either fence: model.biased_lock_excludes.
//
// Rejected: Chase-Lev's deque and Go's ring, lock-free for both sides. They cost the owner a full fence or a
// compare-and-swap at each pop, and every queue that a thief may see must be shaped for it. With this lock
// what it protects is ordinary data. Its price: a thief waits if the owner loses its core within those few
// instructions, or while it switches (sched/run_queue.hpp).
#pragma once

#include <goro/detail/atomics.hpp>

namespace goro::detail {

template <class Atomics = real_atomics>
class biased_lock {
 public:
  void owner_acquire() noexcept {
    inside_.store(1, std::memory_order_relaxed);
    Atomics::light_fence();  // [MO-2]
    step_back_for_thief();
  }

  // By who has looked: fences are asymmetric.
  void owner_acquire_where_asymmetric() noexcept {
    inside_.store(1, std::memory_order_relaxed);
    Atomics::light_fence_where_asymmetric();  // [MO-2]
    step_back_for_thief();
  }

  void owner_release() noexcept {
    inside_.store(0, std::memory_order_release);
  }  // pairs with thief_try_acquire()

  // False if another thief is at work: look elsewhere.
  [[nodiscard]] bool thief_try_acquire() noexcept {
    if (thief_.exchange(1, std::memory_order_acquire) != 0) return false;  // pairs with thief_release()
    Atomics::heavy_fence();                                                // [MO-2]
    unsigned spins = 0;
    while (inside_.load(std::memory_order_acquire) != 0)
      Atomics::backoff(spins);  // pairs with owner_release()
    return true;
  }

  void thief_release() noexcept { thief_.store(0, std::memory_order_release); }  // pairs with owner_acquire()

 private:
  void step_back_for_thief() noexcept {
    if (thief_.load(std::memory_order_acquire) != 0) [[unlikely]]  // pairs with thief_release()
      owner_acquire_slow();
  }

  [[gnu::noinline]] void owner_acquire_slow() noexcept {
    unsigned spins = 0;
    do {
      inside_.store(0, std::memory_order_release);
      while (thief_.load(std::memory_order_acquire) != 0) Atomics::backoff(spins);
      inside_.store(1, std::memory_order_relaxed);
      Atomics::light_fence();  // [MO-2]
    } while (thief_.load(std::memory_order_acquire) != 0);
  }

  typename Atomics::template atomic<unsigned> inside_{0};
  typename Atomics::template atomic<unsigned> thief_{0};
};

template <class Atomics>
class [[nodiscard]] owner_guard {
 public:
  explicit owner_guard(biased_lock<Atomics>& l) noexcept : lock_(l) { lock_.owner_acquire(); }
  ~owner_guard() { lock_.owner_release(); }
  owner_guard(const owner_guard&) = delete;
  owner_guard& operator=(const owner_guard&) = delete;

 private:
  biased_lock<Atomics>& lock_;
};

}  // namespace goro::detail
