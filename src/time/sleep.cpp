// Sleeping: a timer on the sleeper's stack.
#include <goro/time.hpp>

#include <goro/detail/race.hpp>

#include "os/clock.hpp"
#include "sched/fetch.hpp"
#include "sched/turn.hpp"
#include "sched/waiter.hpp"

namespace goro::detail {

namespace {

struct sleeper {
  timer_node timer;
  goroutine* gp = nullptr;
};
static_assert(offsetof(sleeper, timer) == 0);

}  // namespace

time_point start_of_wait() noexcept {
  machine* const mp = current_machine();
  if (!mp) return now();
  const race_hidden hidden;  // the clock is its machine's, not the program's
  return mp->clock.not_before_now();
}

void sleep_until(time_point deadline, wait_reason reason) {
  if (deadline <= now()) return;
  if (deadline == time_point::max()) {
    sched.endless_sleeps.fetch_add(1, std::memory_order_release);  // pairs with report_deadlock()
    block_for_ever(reason);
  }
  machine* mp = current_machine();
  if (!mp) {
    note never;
    while (never.sleep(&deadline)) {
    }
    return;
  }
  runtime_entry entry;
  sleeper s;
  s.timer.when = deadline;
  s.timer.may_disarm = false;
  s.timer.fire = [](timer_node& t) {
    goroutine* gp = reinterpret_cast<sleeper&>(t).gp;
    t.finish();
    fetch_frames(gp);  // a million sleepers, two Ps: 2.55 s of CPU time instead of 2.8
    ready_goroutine(current_machine(), gp);
  };
  s.gp = entry.mp()->curg;
  const auto arm = [](machine*, goroutine*, void* arg) noexcept {
    arm_timer_of_wait(static_cast<sleeper*>(arg)->timer);
  };
  entry.moved(park(entry.mp(), arm, &s, reason));
}

void sleep_until(time_point deadline) { sleep_until(deadline, wait_reason::sleep); }

}  // namespace goro::detail
