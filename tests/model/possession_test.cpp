// [MO-4]: a machine that uses its P inside of the runtime, against sysmon, which takes it away from one that
// is outside, and the machine that gets it then.
#include "sched/possession.hpp"

#include <gtest/gtest.h>

#include "model/expect.hpp"
#include "model/model_atomics.hpp"

namespace goro::model {
namespace {

// Which ways the executions went.
struct coverage {
  bool kept = false;
  bool wanted = false;
  bool lost = false;
  bool inside = false;     // sysmon did not take it
  bool withdrawn = false;  // it came too late
};

enum class flaw {
  none,
  does_not_look_back,  // sysmon takes whatever it wanted, wherever the machine is
};

// One P, that two machines use in turn: the second one when sysmon has taken it from the first.
template <class Atomics, flaw Flaw>
struct world {
  detail::possession<Atomics> hold;
  model_cell<int> queue{0};      // what belongs to the P
  model_cell<int> goroutine{1};  // that the machine runs; changes inside
  ghost<bool> first_has_it{true};
  ghost<int> users{0};
  int uses = 0;

  void use() {
    require(users == 0, "two machines use one P");
    users = 1;
    queue = queue + 1;
    ++uses;
    users = 0;
  }

  // The machine: enters so many times. Once it has found out that its P is lost it stays inside, where it
  // waits for another one.
  void live(int entries, bool renounces, coverage& c) {
    hold.leave();
    for (int i = 0; i != entries; ++i) {
      if (hold.enter() && hold.must_settle() && !settle(c)) return;
      require(first_has_it, "it uses what it has lost");
      use();
      goroutine = goroutine + 1;
      if (renounces && i == 0) {
        hold.renounce();
        first_has_it = false;
        use();  // by another machine: nobody else comes near while this one is inside
      }
      hold.leave();
    }
  }

  bool settle(coverage& c) {
    const detail::finding found = hold.settle();
    c.kept |= found == detail::finding::kept;
    c.wanted |= found == detail::finding::wanted;
    c.lost |= found == detail::finding::lost;
    require((found == detail::finding::lost) == !first_has_it, "it is told wrong");
    return found != detail::finding::lost;
  }

  void watch(int looks, coverage& c) {
    for (int i = 0; i != looks; ++i) {
      hold.want();
      Atomics::heavy_fence();
      bool seen = false;
      const bool taken = hold.take([&seen] { seen = true; });
      if (Flaw == flaw::does_not_look_back && !seen) {
        use();
        return;
      }
      (!seen ? c.inside : c.withdrawn) |= !taken;
      if (!taken) continue;
      require(first_has_it, "taken twice");
      first_has_it = false;
      require(goroutine >= 1, "what the machine did cannot be seen");
      use();  // by another machine
      return;
    }
  }
};

template <class Atomics, flaw Flaw = flaw::none>
outcome against(const options& how, bool renounces, coverage& c) {
  using state = world<Atomics, Flaw>;
  const thread_body<state> machine = [&c, renounces](state& s) { s.live(2, renounces, c); };
  const thread_body<state> sysmon = [&c](state& s) { s.watch(2, c); };
  return explore<state>(how, {machine, sysmon}, [](state& s) { require(s.uses >= 1, "nobody used it"); });
}

template <class Atomics>
void expect_excludes(const std::string& what) {
  coverage c;
  expect_holds_in_both(what, [&](const options& o) { return against<Atomics>(o, false, c); });
  EXPECT_TRUE(c.kept && c.wanted && c.lost && c.inside && c.withdrawn);
  expect_holds_in_both(what + ", renounces", [&](const options& o) { return against<Atomics>(o, true, c); });
}

TEST(model, possession_has_one_machine) {
  expect_excludes<model_atomics>("possession, membarrier");
  expect_excludes<symmetric_fences>("possession, full fences");
}

template <class Atomics, flaw Flaw = flaw::none>
void expect_found(const char* what, ordering rules, const char* violation) {
  coverage c;
  expect_violated(what, against<Atomics, Flaw>({.rules = rules}, false, c), violation);
}

TEST(model, possession_needs_its_fences) {
  for (const ordering rules : {ordering::tso, ordering::weak}) {
    expect_found<no_light_fence>("no light fence", rules, "race");
    expect_found<no_heavy_fence>("no heavy fence", rules, "race");
    expect_found<one_sided_fence>("the heavy fence on one side", rules, "race");
  }
}

TEST(model, possession_needs_its_orders) {
  expect_found<relaxed_orders>("relaxed orders", ordering::weak, "race");
}

TEST(model, possession_needs_the_second_look) {
  expect_found<model_atomics, flaw::does_not_look_back>("no second look", ordering::tso, "race");
}

}  // namespace
}  // namespace goro::model
