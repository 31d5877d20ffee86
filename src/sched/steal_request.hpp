// Work that is asked for instead of taken.
//
// Taking from another P's queue costs a heavy fence (base/biased_lock.hpp), which interrupts every core that
// runs this process: on a virtual machine 45 us for the thief and 20 for its victim, while a victim that
// starts, parks or ends goroutines passes through the scheduler every few hundred nanoseconds anyway, and
// looks at possession::called there. So the thief asks, and the owner hands half of its queue over at its
// next turn or entry. Only from a P that stays away (its goroutine computes) work is taken without asking.
//
//   thief  1. none -> wanted (release);  2. calls the victim's machine;
//          3. waits for `served` (acquire), takes what is there; none.
//          Or, out of patience: wanted -> none (compare-and-swap); if that fails the owner is at it: 3.
//   owner  wanted -> serving (compare-and-swap, acquire: the thief has taken what it got the last time);
//          puts half of its queue in; served (release).
//
// [MO-6] The release of `served` carries the loot. One thief at a time asks: the watcher. A call that
// comes too late, to a machine that has left its P, costs that one a look and nothing else; the thief
// withdraws. Tests: model.steal_request_*.
#pragma once

#include <cstdint>

#include <goro/detail/atomics.hpp>

namespace goro::detail {

template <class Loot, class Atomics = real_atomics>
class steal_request {
 public:
  // Thief.
  void ask() noexcept { state_.store(wanted, std::memory_order_release); }  // pairs with serve()

  // Thief: true if the owner has answered; then `got` is what it gave, which may be nothing.
  [[nodiscard]] bool collect(Loot& got) noexcept {
    if (state_.load(std::memory_order_acquire) != served) return false;  // [MO-6], pairs with serve()
    got = loot_;
    state_.store(none, std::memory_order_relaxed);
    return true;
  }

  // Thief: false if the owner is about to answer; then collect() will succeed.
  [[nodiscard]] bool withdraw() noexcept {
    std::uint32_t expected = wanted;
    return state_.compare_exchange_strong(expected, none, std::memory_order_relaxed,
                                          std::memory_order_relaxed);
  }

  // Owner: answers with what split() returns, if somebody asks.
  template <class Split>
  void serve(Split split) noexcept {
    if (state_.load(std::memory_order_relaxed) != wanted) return;
    std::uint32_t expected = wanted;
    if (!state_.compare_exchange_strong(expected, serving, std::memory_order_acquire,  // pairs with ask()
                                        std::memory_order_relaxed)) {
      return;
    }
    loot_ = split();
    state_.store(served, std::memory_order_release);  // [MO-6], pairs with collect()
  }

 private:
  enum state : std::uint32_t { none, wanted, serving, served };

  typename Atomics::template atomic<std::uint32_t> state_{none};
  typename Atomics::template cell<Loot> loot_{};
};

}  // namespace goro::detail
