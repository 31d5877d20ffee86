// Trimming: a goroutine that has gone deep and then parks keeps the pages that it has touched. Those below
// its stack pointer are given back when it is found parked by two passes and has not run in between.
//
// How a pass gets hold of a parked goroutine is in parked.hpp. Between the saving of sp and the last
// instruction on the stack are two or three that touch nothing below it, but a signal handler may run there,
// and writes below; so one that a machine notes as the last that it has left is not touched either.
#include "stack/shrink.hpp"

#include <array>
#include <chrono>
#include <cstdint>

#include <goro/detail/fence.hpp>

#include "os/thread.hpp"
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

void discard_below(const goroutine& g, std::uintptr_t sp) noexcept {
  const stack_slot* s = g.stack();
  const auto bottom = reinterpret_cast<std::uintptr_t>(s->bottom);
  if (sp > bottom) discard(s->bottom, sp - bottom);  // whole pages: none that holds what is at sp
}

class trimming {
 public:
  // Of small ones, and of large ones. Each costs 1 to 10 us though there be nothing to give back, and an idle
  // program is to use no CPU: ten thousand are spread over minutes, and a machine that is slow just now does
  // fewer at a time.
  static constexpr std::size_t k_most = 64;
  static constexpr std::chrono::microseconds k_most_in_vain{200};

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
    } else if (now == parked_state::seen && may_trim(g)) {
      batch_[count_++] = &g;
      if (count_ == batch_.size()) finish_batch();
    }
  }

  void finish_batch() noexcept {
    if (count_ == 0) return;
    const std::chrono::nanoseconds before = own_cpu_time();
    for (std::size_t i = 0; i != count_; ++i) {
      if (!claim_parked(*batch_[i], parked_state::seen)) batch_[i] = nullptr;  // it has run
    }
    heavy_fence();  // [MO-7]
    for (std::size_t i = 0; i != count_; ++i) {
      if (batch_[i]) end_trim(*batch_[i]);
    }
    const std::chrono::nanoseconds took = own_cpu_time() - before;
    if (took < count_ * k_rich) in_vain_ += took;
    count_ = 0;
  }

  bool more() const noexcept { return more_; }

 private:
  static constexpr std::size_t k_batch = 16;  // all: who is claimed does not wait
  // Some hundred pages for each: what takes longer is of use.
  static constexpr std::chrono::microseconds k_rich{50};

  bool may_trim(const goroutine& g) noexcept {
    // It may have ended meanwhile; pairs with bind().
    const stack_slot* s = g.bound_stack.load(std::memory_order_acquire);
    const bool large = s && s->size() > 2 * k_second_stack;
    std::size_t& done = large ? large_ : small_;
    if (done == k_most || in_vain_ >= k_most_in_vain) return false;
    ++done;
    return true;
  }

  static void end_trim(goroutine& g) noexcept {
    const bool waits = unmarked(g.status.load(std::memory_order_acquire)) == g_status::waiting;
    void* const sp = saved_context(g);
    if (!waits || !sp) return withdraw_claim(g, parked_state::untouched);
    if (just_left(&g)) return withdraw_claim(g, parked_state::seen);
    if (!hold_parked(g)) return;
    discard_below(g, reinterpret_cast<std::uintptr_t>(sp));
    let_go(g, parked_state::trimmed);
  }

  const std::uint32_t now_ = now_in_seconds();  // one look at the clock for all
  std::array<goroutine*, k_batch> batch_{};
  std::size_t count_ = 0;
  std::size_t small_ = 0;
  std::size_t large_ = 0;
  std::chrono::nanoseconds in_vain_{0};
  bool more_ = false;
};

}  // namespace

bool trim_parked_stacks() noexcept {
  if (!asymmetric_fences) return false;
  const lock_guard guard(pass_lock());
  trimming pass;
  for_each_descriptor([&pass](goroutine& g) { pass.visit(g); });
  pass.finish_batch();
  return pass.more();
}

std::size_t give_back_free_stacks() noexcept {
  std::size_t n = 0;
  for_each_pool([](stack_pool& pool, void* sum) { *static_cast<std::size_t*>(sum) += pool.give_back(); }, &n);
  return n;
}

}  // namespace goro::detail
