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

// after(d): the timer, which lives as long as its channel.
struct one_shot {
  timer_node timer;
  chan_core* out = nullptr;  // not counted: only the program's handles keep the channel
};
static_assert(offsetof(one_shot, timer) == 0);

void fire_one_shot(timer_node& t) {
  time_point due = t.when;
  chan_send(reinterpret_cast<one_shot&>(t).out, &due, {.wait = false});
  t.finish();
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
  auto shot = std::make_unique<one_shot>();
  chan_core* const core = core_of(c);
  core->of_timer = true;
  shot->out = core;
  shot->timer.when = deadline;
  shot->timer.fire = fire_one_shot;
  if (deadline == time_point::max()) {
    sched.endless_sleeps.fetch_add(1, std::memory_order_release);  // pairs with report_deadlock()
  } else {
    const runtime_entry entry;
    race_release(core->buffer);  // MM-17: what precedes is seen by who receives
    arm_timer(shot->timer);
  }
  core->timer = &shot.release()->timer;
  ensure_machine();
  return c;
}

void end_timer_of(chan_core& c) noexcept {
  const std::unique_ptr<one_shot> shot(reinterpret_cast<one_shot*>(c.timer));
  if (shot->timer.when == time_point::max()) {
    sched.endless_sleeps.fetch_sub(1, std::memory_order_release);
    return;
  }
  const runtime_entry entry;
  if (!timer_heap::disarm(shot->timer)) shot->timer.wait_idle();  // it may be sending at this moment
}

}  // namespace goro::detail
