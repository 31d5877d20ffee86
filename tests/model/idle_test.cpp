// [MO-3]: work that is submitted while machines go to sleep is found, and there is at most one watcher or
// sentinel.
#include <gtest/gtest.h>

#include <vector>

#include "model/expect.hpp"
#include "model/idle_protocol.hpp"

namespace goro::model::idle {
namespace {

// What a machine does when the test begins.
enum class start {
  absent,
  searches,
  watches,
  sentinel,
  sleeps,
  stands_by,    // asleep, for so long
  is_stand_by,  // the same, as the sentinel
  delivers,     // puts all that is queued there into its queue, between two turns
  spare         // asleep, and there is no P for it
};

struct scenario {
  start first = start::absent;
  start second = start::absent;
  start third = start::absent;
  int items = 0;
  std::array<int, k_items> needs = {-1, -1, -1, -1, -1, -1};  // item i computes until needs[i] has run
  enum class way { starts, starts_all, arms_timer, awaits, blocks } how = way::starts;
  bool asks = false;             // watchers are given what they take, instead of taking it by force
  std::vector<int> queued{};     // on the first P
  std::vector<int> submitted{};  // by a plain thread
  std::vector<int> armed{};      // by it, as timers, after those
  bool thick = false;            // timers are due all the time
  bool polls = false;            // one may sleep in the poller
  int event = k_nothing;         // what that brings at some time
};

constexpr int k_rest = 2;  // of the item that blocks

const scenario* g_scenario = nullptr;

template <class Scheduler>
struct world : Scheduler {
  std::array<model_atomic<bool>, k_items> done{};

  world() {
    place(0, g_scenario->first);
    place(1, g_scenario->second);
    if (g_scenario->third != start::absent) place(2, g_scenario->third);
    this->asks = g_scenario->asks;
    this->thick = g_scenario->thick;
    this->polls = g_scenario->polls;
    this->event = g_scenario->event;
    if (g_scenario->first == start::delivers) return;
    for (const int item : g_scenario->queued) this->procs[0].queue.push(item);
  }

  void place(std::size_t i, start how) {
    machine* mp = &this->machines[i];
    processor* pp = &this->procs[i];
    if (how == start::absent) return;
    if (how == start::spare) return this->push_idle_machine(mp);
    ++this->present;
    if (how == start::searches || how == start::watches || how == start::delivers) {
      mp->pp = pp;
      if (how == start::watches) this->set_watcher(mp);
      return;
    }
    pp->idle_link = static_cast<processor*>(this->idle_procs);
    this->idle_procs = pp;
    if (how == start::is_stand_by) {
      mp->rests_until = true;
      this->set_sentinel(mp, Scheduler::due::stands_by);
    } else if (how == start::sentinel) {
      this->set_sentinel(mp, Scheduler::due::never);
    } else {
      mp->rests_until = how == start::stands_by;
      this->push_idle_machine(mp);
    }
  }

  void await(int item) {
    unsigned spins = 0;
    while (!done[static_cast<std::size_t>(item)].load(std::memory_order_acquire))
      model_atomics::backoff(spins);
  }
  void mark_done(int item) {
    require(!done[static_cast<std::size_t>(item)].exchange(true, std::memory_order_release), "run twice");
  }

  // It blocks its thread until another item has run, and goes on, which is an item of its own, when it has a
  // P again.
  void run_blocking(machine* mp, int item) {
    this->pass_on(mp);
    forget(30);
    await(g_scenario->needs[static_cast<std::size_t>(item)]);
    mark_done(item);
    if (this->find_processor(mp)) return mark_done(k_rest);
    this->submit_global(k_rest);
    this->stop_machine(mp);
  }

  void run(machine* mp, int item) {
    if (g_scenario->how == scenario::way::blocks && item == 0) return run_blocking(mp, item);
    const int needed = g_scenario->needs[static_cast<std::size_t>(item)];
    if (needed != k_nothing) {
      if (g_scenario->how == scenario::way::starts_all && item == 0) {
        for (int other = 1; other != g_scenario->items; ++other) this->submit_local(mp, other);
      }
      if (g_scenario->how == scenario::way::starts) this->submit_local(mp, needed);
      if (g_scenario->how == scenario::way::arms_timer) this->arm_timer(needed);
      await(needed);
    }
    mark_done(item);
  }

  // A machine's thread. Sleeps in the end.
  void live(std::size_t i, start how) {
    machine* mp = &this->machines[i];
    if (how == start::delivers) {
      for (const int item : g_scenario->queued) this->submit_between_turns(mp, item);
    } else if (how != start::searches && how != start::watches) {
      this->sleep_until_assigned(mp, how == start::stands_by || how == start::is_stand_by);
    }
    for (;;) run(mp, this->find_runnable(mp));
  }

  void submit_all() {
    for (const int item : g_scenario->submitted) {
      forget(10 + static_cast<std::uint64_t>(item));
      this->submit_global(item);
    }
    for (const int item : g_scenario->armed) {
      forget(20 + static_cast<std::uint64_t>(item));
      this->arm_timer(item);
    }
  }

  // When everybody sleeps.
  void check() {
    for (int i = 0; i != g_scenario->items; ++i) {
      require(done[static_cast<std::size_t>(i)].load(std::memory_order_relaxed), "lost");
    }
    require(!this->anything_queued(), "somebody waits while all sleep");
    require(!this->watcher, "the watcher sleeps");
    require(!this->idle_procs || this->sentinel.get(), "nobody looks after an idle P");
  }
};

template <class Scheduler>
outcome explore_idle(options how, const scenario& what) {
  using state = world<Scheduler>;
  g_scenario = &what;
  how.may_end_asleep = true;
  std::vector<thread_body<state>> bodies;
  if (!what.submitted.empty() || !what.armed.empty()) bodies.push_back([](state& s) { s.submit_all(); });
  if (what.first != start::absent) bodies.push_back([&](state& s) { s.live(0, what.first); });
  if (what.second != start::absent) bodies.push_back([&](state& s) { s.live(1, what.second); });
  if (what.third != start::absent) bodies.push_back([&](state& s) { s.live(2, what.third); });
  return explore<state>(how, bodies, [](state& s) { s.check(); });
}

using sound = scheduler<model_atomics>;

// By value, for the loops; see explorer.hpp.
void expect_sound(const char* what, const scenario& s) {
  expect_holds_in_both(what, [&](options how) {
    how.ids = identity::value;
    return explore_idle<sound>(how, s);
  });
}

void expect_sound_in_weak(const char* what, const scenario& s) {
  expect_holds(what, explore_idle<sound>({.rules = ordering::weak, .ids = identity::value}, s));
}

// What the scheduler's lock guards is touched under the lock only.
void expect_no_race(const char* what, const scenario& s) { expect_holds(what, explore_idle<sound>({}, s)); }

// A plain thread starts two goroutines while the only machine goes to sleep.
const scenario k_from_outside = {.first = start::watches, .items = 2, .submitted = {0, 1}};

// A goroutine starts another one, or arms a timer, and computes on; the second machine is just going to
// sleep, or asleep already.
const scenario k_beside_watcher = {
    .first = start::searches, .second = start::watches, .items = 2, .needs = {1, -1}, .queued = {0}};
const scenario k_asks_beside_watcher = {.first = start::searches,
                                        .second = start::watches,
                                        .items = 2,
                                        .needs = {1, -1},
                                        .asks = true,
                                        .queued = {0}};
// It starts two; the watcher takes the first, which needs the second: the sleeper must get that. Three
// machines have too many executions to try all; the one that goes wrong without the fence is found.
const scenario k_takes_one_of_two = {.first = start::searches,
                                     .second = start::watches,
                                     .third = start::sleeps,
                                     .items = 3,
                                     .needs = {2, 2, -1},
                                     .how = scenario::way::starts_all,
                                     .queued = {0}};
const scenario k_beside_sentinel = {
    .first = start::searches, .second = start::sentinel, .items = 2, .needs = {1, -1}, .queued = {0}};
const scenario k_timer_beside_watcher = {.first = start::searches,
                                         .second = start::watches,
                                         .items = 2,
                                         .needs = {1, -1},
                                         .how = scenario::way::arms_timer,
                                         .queued = {0}};
const scenario k_timer_beside_sentinel = {.first = start::searches,
                                          .second = start::sentinel,
                                          .items = 2,
                                          .needs = {1, -1},
                                          .how = scenario::way::arms_timer,
                                          .queued = {0}};

// The goroutine comes from outside: either machine may get it, while the other one goes to sleep.
const scenario k_either = {
    .first = start::searches, .second = start::watches, .items = 2, .needs = {1, -1}, .submitted = {0}};
const scenario k_either_awake = {
    .first = start::searches, .second = start::sentinel, .items = 2, .submitted = {0, 1}};
// The watcher takes one goroutine, which needs the other: the sleeper must become sentinel in time, or be
// woken.
const scenario k_appoints = {.first = start::watches,
                             .second = start::sleeps,
                             .items = 2,
                             .needs = {1, -1},
                             .how = scenario::way::awaits,
                             .submitted = {0, 1}};
const scenario k_appoints_beside_timer = {.first = start::watches,
                                          .second = start::sleeps,
                                          .items = 2,
                                          .needs = {1, -1},
                                          .how = scenario::way::awaits,
                                          .submitted = {0},
                                          .armed = {1}};
const scenario k_both_asleep = {
    .first = start::sentinel, .second = start::sleeps, .items = 2, .needs = {1, -1}, .submitted = {0}};

TEST(model, idle_submit_from_outside) {
  expect_sound("from outside", k_from_outside);
  expect_sound("both asleep", k_both_asleep);
}
TEST(model, idle_submit_beside_watcher) {
  expect_sound("beside watcher", k_beside_watcher);
  expect_sound("beside watcher that asks", k_asks_beside_watcher);
}
TEST(model, idle_races) {
  expect_no_race("from outside, by store", k_from_outside);
  expect_no_race("beside watcher, by store", k_beside_watcher);
  expect_no_race("both asleep, by store", k_both_asleep);
}
TEST(model, idle_submit_beside_sentinel) { expect_sound("beside sentinel", k_beside_sentinel); }
TEST(model, idle_timer) {
  expect_sound("timer beside watcher", k_timer_beside_watcher);
  expect_sound("timer beside sentinel", k_timer_beside_sentinel);
}
TEST(model, idle_appoints_sentinel) {
  expect_sound_in_weak("appoints", k_appoints);
  expect_sound_in_weak("appoints beside timer", k_appoints_beside_timer);
}
TEST(model, idle_either_machine) {
  expect_sound_in_weak("either machine", k_either);
  expect_sound_in_weak("either machine, two items", k_either_awake);
}

// One of two goroutines that a timer has made ready computes until the other one has run, while the second
// machine stands by, or something comes from outside.
const scenario k_stands_by = {.first = start::watches,
                              .second = start::stands_by,
                              .items = 2,
                              .needs = {1, -1},
                              .how = scenario::way::awaits,
                              .queued = {0, 1},
                              .thick = true};
const scenario k_stands_by_and_submit = {.first = start::watches,
                                         .second = start::stands_by,
                                         .items = 3,
                                         .needs = {2, -1, -1},
                                         .how = scenario::way::awaits,
                                         .queued = {0, 1},
                                         .submitted = {2},
                                         .thick = true};
// Both run at first.
const scenario k_comes_to_stand_by = {.first = start::searches,
                                      .second = start::watches,
                                      .items = 2,
                                      .needs = {1, -1},
                                      .queued = {0},
                                      .thick = true};
// Two are made ready between two turns, while the one that stood by goes to sleep as any sentinel.
const scenario k_stood_by = {.first = start::delivers,
                             .second = start::is_stand_by,
                             .items = 2,
                             .needs = {1, -1},
                             .how = scenario::way::awaits,
                             .queued = {0, 1},
                             .thick = true};
// The goroutine blocks, and gives up the last P, beside one that stands by.
const scenario k_blocks_beside_stand_by = {.first = start::searches,
                                           .second = start::is_stand_by,
                                           .items = 3,
                                           .needs = {1, -1, -1},
                                           .how = scenario::way::blocks,
                                           .queued = {0},
                                           .submitted = {1},
                                           .thick = true};
// This one has no deadline: it must be woken.
const scenario k_sleeps_on = {.first = start::watches,
                              .second = start::sleeps,
                              .items = 2,
                              .needs = {1, -1},
                              .how = scenario::way::awaits,
                              .queued = {0, 1},
                              .thick = true};
TEST(model, idle_stands_by) {
  expect_sound("stands by", k_stands_by);
  expect_sound("sleeps on", k_sleeps_on);
  expect_sound("stood by", k_stood_by);
  expect_sound_in_weak("blocks beside one that stands by", k_blocks_beside_stand_by);
  expect_sound_in_weak("stands by, something is submitted", k_stands_by_and_submit);
  expect_sound_in_weak("comes to stand by", k_comes_to_stand_by);
  expect_no_race("stands by, by store", k_stands_by);
}

// A goroutine blocks its thread until another one has run, which waits behind it on its P, or comes from
// outside.
const scenario k_blocks_before_another = {.first = start::searches,
                                          .second = start::spare,
                                          .items = 3,
                                          .needs = {1, -1, -1},
                                          .how = scenario::way::blocks,
                                          .queued = {0, 1}};
const scenario k_blocks_alone = {.first = start::searches,
                                 .second = start::spare,
                                 .items = 3,
                                 .needs = {1, -1, -1},
                                 .how = scenario::way::blocks,
                                 .queued = {0},
                                 .submitted = {1}};
const scenario k_blocks_beside_sentinel = {.first = start::searches,
                                           .second = start::sentinel,
                                           .items = 3,
                                           .needs = {1, -1, -1},
                                           .how = scenario::way::blocks,
                                           .queued = {0},
                                           .submitted = {1}};
TEST(model, idle_hand_off) {
  expect_sound("blocks before another", k_blocks_before_another);
  expect_sound("blocks alone", k_blocks_alone);
  expect_sound_in_weak("blocks beside a sentinel", k_blocks_beside_sentinel);
}

// One has run dry beside a watcher and sleeps in the poller. It gets what that brings, while something else
// is submitted; or starts another one then; or nothing comes, and the watcher leaves its place to it.
const scenario k_served = {.first = start::sleeps,
                           .second = start::watches,
                           .items = 2,
                           .submitted = {0},
                           .polls = true,
                           .event = 1};
const scenario k_served_and_starts = {.first = start::sleeps,
                                      .second = start::watches,
                                      .items = 2,
                                      .needs = {1, -1},
                                      .polls = true,
                                      .event = 0};
const scenario k_left_to_sleeper = {
    .first = start::sleeps, .second = start::watches, .items = 1, .submitted = {0}, .polls = true};
const scenario k_left_beside_timer = {
    .first = start::sleeps, .second = start::watches, .items = 1, .armed = {0}, .polls = true};
TEST(model, idle_served_by_who_ran_dry) {
  expect_sound_in_weak("served", k_served);
  expect_sound_in_weak("served, starts another", k_served_and_starts);
  expect_sound_in_weak("left to the sleeper", k_left_to_sleeper);
  expect_sound_in_weak("left to the sleeper beside a timer", k_left_beside_timer);
  expect_no_race("served, by store", k_left_to_sleeper);
}

template <class Scheduler>
void expect_found(const char* what, const scenario& s, const char* violation) {
  expect_violated(what, explore_idle<Scheduler>({.ids = identity::value}, s), violation);
}

TEST(model, idle_needs_its_fences) {
  expect_found<scheduler<no_light_fence>>("no light fence", k_beside_watcher, "spins");
  expect_found<scheduler<no_heavy_fence>>("no heavy fence", k_beside_watcher, "spins");
  expect_found<scheduler<one_sided_fence>>("heavy fence of the sleeper alone", k_beside_watcher, "spins");
}

TEST(model, idle_needs_each_look) {
  using blind_sentinel = scheduler<model_atomics, flaw::no_second_look>;
  using unfenced_theft = scheduler<model_atomics, flaw::theft_without_fence, 3>;
  using late_loot = scheduler<model_atomics, flaw::shows_loot_late, 3>;
  using blind_watcher = scheduler<model_atomics, flaw::appointed_blindly>;
  using timer_blind = scheduler<model_atomics, flaw::appointed_timer_blind>;
  using oversleeper = scheduler<model_atomics, flaw::appointed_oversleeps>;
  using silent_timer = scheduler<model_atomics, flaw::timer_not_announced>;
  using hasty_stop = scheduler<model_atomics, flaw::stops_without_look>;
  using for_ever = scheduler<model_atomics, flaw::stands_by_for_ever>;
  using late_due = scheduler<model_atomics, flaw::tells_due_late>;
  using hidden_loot = scheduler<model_atomics, flaw::hides_loot>;
  using sure_of_it = scheduler<model_atomics, flaw::left_for_certain>;
  using left = scheduler<model_atomics, flaw::left_blindly>;
  using two_steps = scheduler<model_atomics, flaw::sentinel_in_two_steps>;
  expect_found<blind_sentinel>("no second look", k_from_outside, "lost");
  expect_found<unfenced_theft>("theft without a fence", k_takes_one_of_two, "spins");
  expect_found<late_loot>("loot shown late", k_takes_one_of_two, "spins");
  expect_found<blind_watcher>("appointed blindly", k_appoints, "spins");
  expect_found<blind_watcher>("passed on blindly", k_blocks_alone, "spins");
  expect_found<timer_blind>("appointed, blind for timers", k_appoints_beside_timer, "spins");
  expect_found<oversleeper>("appointed, oversleeps", k_appoints_beside_timer, "spins");
  expect_found<silent_timer>("timer not announced", k_timer_beside_sentinel, "spins");
  expect_found<hasty_stop>("stops without a look", k_asks_beside_watcher, "spins");
  expect_found<for_ever>("stands by for ever", k_sleeps_on, "spins");
  expect_found<late_due>("due told late", k_stood_by, "spins");
  expect_found<hidden_loot>("loot hidden", k_stood_by, "spins");
  expect_found<sure_of_it>("left for certain", k_left_beside_timer, "lost");
  expect_found<left>("left blindly", k_left_to_sleeper, "lost");
  expect_found<two_steps>("sentinel in two steps", k_either_awake, "two");
}

}  // namespace
}  // namespace goro::model::idle
