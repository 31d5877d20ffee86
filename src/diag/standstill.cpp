#include "diag/standstill.hpp"

#include <goro/detail/fence.hpp>

#include "sched/helper_thread.hpp"
#include "sched/scheduler.hpp"
#include "sched/worth.hpp"

namespace goro::detail {

namespace {

bool is_machine(pid_t number) noexcept {
  for (const machine* mp = first_machine(); mp; mp = mp->next_machine) {
    if (mp->thread.number.load(std::memory_order_relaxed) == number) return true;
  }
  return false;
}

}  // namespace

bool standstill::take() {
  const machine* self = current_machine();
  std::vector<other_thread> all;
  if (!asymmetric_fences || !other_threads(all)) return false;
  heavy_fence();  // [MO-8]
  turns = activity();
  bool idle = true;
  for (const machine* mp = first_machine(); mp; mp = mp->next_machine) {
    const std::uint64_t outings = mp->outings;
    turns += outings;
    if (mp != self) idle = idle && outings % 2 == 0;
  }
  next_timer = earliest_timer();
  programs.clear();
  for (const other_thread& t : all) {
    if (is_machine(t.number) || is_helper(t.number)) continue;
    programs.push_back(t);
    idle = idle && t.asleep;
  }
  const int waiting = sched.foreign_waiting.load(std::memory_order_acquire);
  return idle && static_cast<int>(programs.size()) == waiting && clock::now() < next_timer;
}

}  // namespace goro::detail
