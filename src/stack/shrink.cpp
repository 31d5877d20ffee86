// Trimming: a goroutine that has gone deep and then parks keeps the pages that it has touched. Those below
// its stack pointer are given back when it is found parked by two passes, has not run in between, and has
// memory next to where it stands. Who has none there has most likely none at all, and comes later.
//
// How a pass gets hold of a parked goroutine is in parked.hpp. Between the saving of sp and the last
// instruction on the stack are two or three that touch nothing below it, but a signal handler may run there,
// and writes below; so one that a machine notes as the last that it has left is not touched either.
#include "stack/shrink.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include <goro/detail/fence.hpp>

#include "os/memory.hpp"
#include "sched/scheduler.hpp"
#include "stack/parked.hpp"
#include "stack/stack_pool.hpp"

namespace goro::detail {

namespace {

bool just_left(const goroutine* gp) noexcept {
  for (const machine* mp = first_machine(); mp; mp = mp->next_machine) {
    if (mp->left.load(std::memory_order_relaxed) == gp) return true;
  }
  return false;
}

// The whole pages below where it stands, [bottom, end).
struct unused_part {
  std::byte* bottom;
  std::byte* end;

  unused_part(const goroutine& g, void* sp) noexcept : bottom(g.stack()->bottom) {
    const std::size_t within = reinterpret_cast<std::uintptr_t>(sp) % k_page;
    end = std::max(bottom, static_cast<std::byte*>(sp) - within);
  }
  bool shows_memory() const noexcept { return any_resident_near_top(bottom, end); }
  void give_back() const noexcept { discard(bottom, static_cast<std::size_t>(end - bottom)); }
};

class trimming {
 public:
  // How many are looked at, 0.4 us each, of large stacks and of small ones: a large one does not wait behind
  // many that are small. Most have nothing below, and are not trimmed at once: that would cost 1 to 10 us,
  // for nothing.
  static constexpr std::size_t k_most = 128;
  // How many of these are trimmed all the same: a function that leaves out more than 64 KB of its
  // frame, which -fstack-clash-protection does not let it, may have memory behind the gap.
  static constexpr std::size_t k_most_bare = 16;

  void visit(goroutine& g) noexcept {
    if (unmarked(g.status.load(std::memory_order_relaxed)) != g_status::waiting ||
        !g.sp.load(std::memory_order_relaxed))
      return;
    parked_state now = g.parked.load(std::memory_order_relaxed);
    if (now == parked_state::trimmed) return;
    more_ = true;
    if (now == parked_state::untouched) {
      notice(g, now_);
      g.parked.compare_exchange_strong(now, parked_state::seen,
                                       std::memory_order_release,  // pairs with seconds_parked()
                                       std::memory_order_relaxed);
    } else if (now == parked_state::seen) {
      add(g, now, is_large(g) ? large_ : small_, k_most);
    } else if (now == parked_state::bare) {
      add(g, now, bare_, k_most_bare);
    }
  }

  // With one fence for all: who is claimed does not wait.
  void finish() noexcept {
    if (count_ == 0) return;
    for (std::size_t i = 0; i != count_; ++i) {
      if (!claim_parked(*batch_[i].g, batch_[i].former)) batch_[i].g = nullptr;  // it has run
    }
    heavy_fence();  // [MO-7]
    for (std::size_t i = 0; i != count_; ++i) {
      if (batch_[i].g) end_trim(*batch_[i].g, batch_[i].former);
    }
  }

  bool more() const noexcept { return more_; }

 private:
  struct candidate {
    goroutine* g;
    parked_state former;
  };

  static bool is_large(const goroutine& g) noexcept {
    // It may have ended meanwhile; pairs with bind().
    const stack_slot* s = g.bound_stack.load(std::memory_order_acquire);
    return s && s->size() > 2 * k_second_stack;
  }

  void add(goroutine& g, parked_state former, std::size_t& those, std::size_t most) noexcept {
    if (those == most) return;
    ++those;
    batch_[count_++] = {.g = &g, .former = former};
  }

  static void end_trim(goroutine& g, parked_state former) noexcept {
    const bool waits = unmarked(g.status.load(std::memory_order_acquire)) == g_status::waiting;
    void* const sp = saved_context(g);
    if (!waits || !sp) return withdraw_claim(g, parked_state::untouched);
    if (just_left(&g)) return withdraw_claim(g, former);
    if (!hold_parked(g)) return;
    const unused_part unused(g, sp);
    if (former == parked_state::seen && !unused.shows_memory()) return let_go(g, parked_state::bare);
    unused.give_back();
    let_go(g, parked_state::trimmed);
  }

  const std::uint32_t now_ = now_in_seconds();  // one look at the clock for all
  std::array<candidate, 2 * k_most + k_most_bare> batch_{};
  std::size_t count_ = 0;
  std::size_t large_ = 0;
  std::size_t small_ = 0;
  std::size_t bare_ = 0;
  bool more_ = false;
};

}  // namespace

bool trim_parked_stacks() noexcept {
  if (!asymmetric_fences) return false;
  const lock_guard guard(pass_lock());
  trimming pass;
  for_each_descriptor([&pass](goroutine& g) { pass.visit(g); });
  pass.finish();
  return pass.more();
}

std::size_t give_back_free_stacks() noexcept {
  std::size_t n = 0;
  for_each_pool([](stack_pool& pool, void* sum) { *static_cast<std::size_t*>(sum) += pool.give_back(); }, &n);
  return n;
}

}  // namespace goro::detail
