// Sleeping and after(): both are a timer and nothing else.
#include <goro/time.hpp>

#include <memory>
#include <new>

#include "os/clock.hpp"
#include "sched/turn.hpp"
#include "sched/waiter.hpp"

namespace goro::detail {

namespace {

struct sleeper {
  timer_node timer;
  goroutine* gp = nullptr;
};
static_assert(offsetof(sleeper, timer) == 0);

// after(d): the timer and the channel that it sends to. Frees itself when it has fired.
struct one_shot {
  timer_node timer;
  send_chan<time_point> out;
};

void fire_one_shot(timer_node& t) {
  const std::unique_ptr<one_shot> shot(reinterpret_cast<one_shot*>(&t));
  shot->out.try_send(time_point(t.when));
}

}  // namespace

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
    ready_goroutine(current_machine(), gp);
  };
  s.gp = entry.mp()->curg;
  const auto arm = [](machine*, goroutine*, void* arg) noexcept {
    arm_timer(static_cast<sleeper*>(arg)->timer);
  };
  entry.moved(park(entry.mp(), arm, &s, reason));
}

void sleep_until(time_point deadline) { sleep_until(deadline, wait_reason::sleep); }

recv_chan<time_point> after_at(time_point deadline) {
  chan<time_point> c{1};
  ensure_started();
  if (deadline == time_point::max()) {
    sched.endless_sleeps.fetch_add(1, std::memory_order_release);  // pairs with report_deadlock()
    return c;
  }
  auto shot = std::make_unique<one_shot>();
  shot->out = c;
  shot->timer.when = deadline;
  shot->timer.may_disarm = false;
  shot->timer.fire = fire_one_shot;
  const runtime_entry entry;
  race_release(core_of(c)->buffer);  // MM-17: what precedes is seen by who receives
  arm_timer(shot->timer);
  // From now on it belongs to itself.
  [[maybe_unused]] const one_shot* const given_away = shot.release();
  ensure_machine();
  return c;
}

}  // namespace goro::detail
