// Trimming: a goroutine that has gone deep and then parks keeps the pages that it has touched. Those below
// its stack pointer are given back when it is found parked by two passes and has not run in between.
//
// A parked goroutine may be resumed at any moment, by anybody, and a resumed one writes below its stack
// pointer. So trimming and resuming exclude each other, at no cost to the resuming side but a load and a
// store of a line that it writes anyway ([MO-7], Dekker again, with the resuming as the frequent side):
//
//   resume  status = running;  light_fence;  if (trim != untouched) come_back();  sp = null;  go on
//   park    status = waiting;  ...;  sp = its stack pointer (the switch);  off the stack
//   pass    trim: seen to claimed;  heavy_fence;  only if status is waiting and sp is not null:
//           trim: claimed to being_trimmed;  give back what is below sp;  trim = trimmed
//
// Either the pass sees that it runs, or the goroutine sees that it is claimed: then it takes the claim away,
// or waits in come_back() for the one system call that is under way. One fence serves many. A goroutine that
// is about to park says `waiting` while it still stands on its stack, but then sp is null: whoever resumed it
// has cleared it. Between the saving of sp and the last instruction on the stack are two or three that touch
// nothing below it, but a signal handler may run there, and writes below; so one that a machine notes as the
// last that it has left is not touched either. Tests that fail without: model.trim_*, stress STACK_07.
//
// Without asymmetric fences (fence.hpp) the resuming side would have to pay, and nothing is trimmed.
#include "stack/shrink.hpp"

#include <array>
#include <cstdint>

#include <goro/detail/fence.hpp>

#include "base/atomics.hpp"
#include "sched/turn.hpp"
#include "stack/stack_pool.hpp"

namespace goro::detail {

void come_back(goroutine* gp) noexcept {
  unsigned spins = 0;
  for (;;) {
    trim_state now = gp->trim.load(std::memory_order_relaxed);
    if (now == trim_state::being_trimmed) {
      real_atomics::backoff(spins);
    } else if (gp->trim.compare_exchange_strong(now, trim_state::untouched,
                                                std::memory_order_acquire,  // pairs with end_trim()
                                                std::memory_order_relaxed)) {
      return;
    }
  }
}

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
  // Of small ones, and of large ones. Each costs 1 to 5 us, whether there is something to give back or not,
  // and an idle program is to use no CPU: ten thousand are spread over minutes.
  static constexpr std::size_t k_most = 64;

  void visit(goroutine& g) noexcept {
    if (g.status.load(std::memory_order_relaxed) != g_status::waiting ||
        !g.sp.load(std::memory_order_relaxed))
      return;
    trim_state now = g.trim.load(std::memory_order_relaxed);
    if (now == trim_state::trimmed) return;
    more_ = true;
    if (now == trim_state::untouched) {
      g.trim.compare_exchange_strong(now, trim_state::seen, std::memory_order_relaxed);
    } else if (now == trim_state::seen && may_trim(g)) {
      batch_[count_++] = &g;
      if (count_ == batch_.size()) finish_batch();
    }
  }

  void finish_batch() noexcept {
    for (std::size_t i = 0; i != count_; ++i) {
      trim_state seen = trim_state::seen;
      if (!batch_[i]->trim.compare_exchange_strong(seen, trim_state::claimed, std::memory_order_relaxed))
        batch_[i] = nullptr;  // it has run
    }
    heavy_fence();  // [MO-7]
    for (std::size_t i = 0; i != count_; ++i) {
      if (batch_[i]) end_trim(*batch_[i]);
    }
    count_ = 0;
  }

  bool more() const noexcept { return more_; }

 private:
  bool may_trim(const goroutine& g) noexcept {
    // It may have ended meanwhile; pairs with bind().
    const stack_slot* s = g.bound_stack.load(std::memory_order_acquire);
    const bool large = s && s->size() > 2 * k_second_stack;
    std::size_t& done = large ? large_ : small_;
    if (done == k_most) return false;
    ++done;
    return true;
  }

  static void end_trim(goroutine& g) noexcept {
    // In this order: who parks says so before its stack pointer is saved.
    const bool waits = g.status.load(std::memory_order_acquire) == g_status::waiting;
    const auto sp = reinterpret_cast<std::uintptr_t>(g.sp.load(std::memory_order_acquire));
    const bool parked = waits && sp != 0 && !just_left(&g);
    trim_state claim = trim_state::claimed;
    const trim_state next = parked ? trim_state::being_trimmed : trim_state::untouched;
    const bool still =
        g.trim.compare_exchange_strong(claim, next, std::memory_order_relaxed);  // else it has run
    if (!still || !parked) return;
    discard_below(g, sp);
    g.trim.store(trim_state::trimmed, std::memory_order_release);  // pairs with come_back()
  }

  std::array<goroutine*, 2 * k_most> batch_{};  // all: who is claimed does not wait
  std::size_t count_ = 0;
  std::size_t small_ = 0;
  std::size_t large_ = 0;
  bool more_ = false;
};

}  // namespace

bool trim_parked_stacks() noexcept {
  static constinit lock one_at_a_time;
  if (!asymmetric_fences) return false;
  const lock_guard guard(one_at_a_time);
  trimming pass;
  for_each_descriptor([](goroutine& g, void* arg) { static_cast<trimming*>(arg)->visit(g); }, &pass);
  pass.finish_batch();
  return pass.more();
}

std::size_t give_back_free_stacks() noexcept {
  std::size_t n = 0;
  for_each_pool([](stack_pool& pool, void* sum) { *static_cast<std::size_t*>(sum) += pool.give_back(); }, &n);
  return n;
}

}  // namespace goro::detail
