// Who may use the P of a machine: the machine, until the P is taken away from it.
//
// A goroutine that blocks its thread, or computes for longer than its time slice, must not keep its P.
// Nothing interrupts it: sysmon takes the P from outside and hands it to another machine, while the goroutine
// runs on, on its thread, without one. Its next entry into the runtime is where it learns of that. Only a
// machine that is outside of the runtime can be deprived, because what belongs to a P is touched inside only.
//
//   machine, entry   inside = true;  light_fence;  if (called) settle()   (enter, must_settle)
//           exit     inside = false (release)
//           settle   called = false;  wanted -> none (compare-and-swap): the P is still its own, and sysmon
//                    finds its claim withdrawn;  taken -> none: the P is lost
//   sysmon           none -> wanted (compare-and-swap);  called = true;  heavy_fence;
//                    inside? (acquire) then leave it at that: the machine settles at its next entry or turn
//                    else wanted -> taken (compare-and-swap); if that fails the machine has come first
//
// [MO-4] Dekker: the fences see to it that the machine sees `called` when it enters, or sysmon sees it
// inside, or both; then both try to change `wanted`, and one wins. The release of `inside` pairs with
// sysmon's look at it and hands over all that the machine has done to its P. A machine that gives its P up by
// itself (goro::blocking) writes `taken` while it is inside; the claim of a sysmon that wanted it meanwhile
// fails. `called` alone, without a claim, asks the machine to look at other things (a thief that waits, fewer
// Ps, the end of the process). Beside it, in the same byte, stands whether the machine's turns are recorded
// (diag/trace.hpp), and whether light fences must be full ones: one look is for all three. Tests that fail
// without either fence, the release, or the second look: model.possession_*.
#pragma once

#include <atomic>
#include <cstdint>

#include <goro/detail/atomics.hpp>

namespace goro::detail {

// What a machine that was called finds out about its P.
enum class finding {
  kept,    // nobody wants it
  wanted,  // it is still the machine's, but its goroutine should give the turn to others
  lost,    // it belongs to somebody else
};

template <class Atomics = real_atomics>
class possession {
 public:
  // The machine. False, as nearly always: nobody has called it, nothing is recorded, and light fences are
  // free. Else must_settle() tells what there is to do.
  [[nodiscard]] bool enter() noexcept {
    inside_.store(k_inside, std::memory_order_relaxed);
    Atomics::light_fence_where_asymmetric();  // [MO-4]
    return noted();
  }
  // After enter(). True: it is called, and must settle() before it touches what belongs to a P.
  [[nodiscard]] bool must_settle() const noexcept {
    Atomics::light_fence();  // [MO-4]
    return called();
  }
  // `back_to`: where it was before it entered; an entry may stand within another.
  void leave(std::uint8_t back_to = k_outside) noexcept {
    inside_.store(back_to, std::memory_order_release);  // pairs with take()
  }
  // The machine: where it is, for leave(). Nobody else writes that.
  std::uint8_t position() const noexcept { return inside_.load(std::memory_order_relaxed); }

  bool called() const noexcept { return (signs() & k_called) != 0; }

  // Are its turns recorded? Whoever clears that does not wait: it may go on for a turn or two.
  bool traced() const noexcept { return (signs() & k_traced) != 0; }

  // One look for all that is unusual: it is called, its turns are recorded, or fences are symmetric.
  bool noted() const noexcept { return signs() != 0; }

  // Sequentially consistent, as in set_max_procs: whose call is overwritten here, its number is seen.
  [[nodiscard]] finding settle() noexcept {
    signs_.fetch_and(k_traced | k_symmetric, std::memory_order_seq_cst);
    claim now = claim_.load(std::memory_order_acquire);  // pairs with want() and take()
    if (now == claim::none) return finding::kept;
    if (now == claim::wanted &&
        claim_.compare_exchange_strong(now, claim::none, std::memory_order_acq_rel,  // pairs with take()
                                       std::memory_order_acquire)) {
      return finding::wanted;
    }
    claim_.store(claim::none, std::memory_order_relaxed);
    return finding::lost;
  }

  // The machine, inside: it gives its P up, and finds it lost when it enters the next time.
  void renounce() noexcept {
    claim_.exchange(claim::taken, std::memory_order_acq_rel);  // pairs with want() and take()
    signs_.fetch_or(k_called, std::memory_order_relaxed);
  }

  // Anybody.
  void call() noexcept { signs_.fetch_or(k_called, std::memory_order_seq_cst); }
  bool inside() const noexcept {
    return inside_.load(std::memory_order_acquire) != k_outside;  // pairs with leave()
  }

  // One at a time.
  void set_traced(bool on) noexcept {
    if (on) {
      signs_.fetch_or(k_traced, std::memory_order_relaxed);
    } else {
      signs_.fetch_and(k_called | k_symmetric, std::memory_order_relaxed);
    }
  }

  // Sysmon, the only one: announces a claim, if there is none. It stands until the machine settles, at its
  // next entry or at the end of the turn. A heavy_fence must follow before take().
  void want() noexcept {
    claim nobody = claim::none;
    claim_.compare_exchange_strong(nobody, claim::wanted, std::memory_order_acq_rel,  // pairs with settle()
                                   std::memory_order_relaxed);
    signs_.fetch_or(k_called, std::memory_order_release);  // pairs with settle()
  }

  // Sysmon: true if the machine has lost its P now. Calls see() first: what that reads of the machine is so
  // when the P is lost, if it is.
  template <class See>
  [[nodiscard]] bool take(See see) noexcept {
    if (inside()) return false;  // [MO-4]
    see();
    claim mine = claim::wanted;
    return claim_.compare_exchange_strong(mine, claim::taken,
                                          std::memory_order_acq_rel,  // pairs with settle()
                                          std::memory_order_relaxed);
  }

 private:
  enum class claim : std::uint32_t { none, wanted, taken };
  // Bytes, not truth values: an entry copies them to and fro.
  static constexpr std::uint8_t k_outside = 0;
  static constexpr std::uint8_t k_inside = 1;
  static constexpr std::uint8_t k_called = 1;
  static constexpr std::uint8_t k_traced = 2;
  static constexpr std::uint8_t k_symmetric = 4;  // both sides need full fences; never changes

  std::uint8_t signs() const noexcept { return signs_.load(std::memory_order_relaxed); }

  typename Atomics::template atomic<std::uint8_t> inside_{k_inside};
  typename Atomics::template atomic<std::uint8_t> signs_{Atomics::asymmetric() ? std::uint8_t{0}
                                                                               : k_symmetric};
  typename Atomics::template atomic<claim> claim_{claim::none};
};

}  // namespace goro::detail
