// [MO-2]: the owner of a biased lock and its thieves exclude each other, and hand what they guard over
// properly.
#include "base/biased_lock.hpp"

#include <gtest/gtest.h>

#include "model/expect.hpp"
#include "model/model_atomics.hpp"

namespace goro::model {
namespace {

// Which parts of the lock the executions came through: an exploration that misses one proves less than it
// seems to.
struct coverage {
  bool stolen = false;
  bool owner_after_thief = false;
  bool turned_away = false;
};

template <class Atomics>
struct guarded {
  detail::biased_lock<Atomics> lock;
  model_cell<int> data{0};
  model_cell<int> last{0};  // who was here last
  ghost<int> inside{0};
  int visits[3] = {};

  void visit(int who, coverage& c) {
    require(inside == 0, "two at once");
    inside = 1;
    if (who == 0 && last != 0) c.owner_after_thief = true;
    data = data + 1;
    last = who;
    ++visits[who];
    inside = 0;
  }
};

template <class Atomics>
outcome exclude(const options& how, coverage& c, int owner_rounds, int thieves, int thief_rounds) {
  using state = guarded<Atomics>;
  std::vector<thread_body<state>> bodies;
  bodies.push_back([&, owner_rounds](state& s) {
    for (int i = 0; i != owner_rounds; ++i) {
      const detail::owner_guard guard(s.lock);
      s.visit(0, c);
    }
  });
  for (int t = 1; t <= thieves; ++t) {
    bodies.push_back([&, t, thief_rounds](state& s) {
      for (int i = 0; i != thief_rounds; ++i) {
        if (!s.lock.thief_try_acquire()) {
          c.turned_away = true;
          continue;
        }
        c.stolen = true;
        s.visit(t, c);
        s.lock.thief_release();
      }
    });
  }
  return explore<state>(how, bodies, [=](state& s) {
    require(s.visits[0] == owner_rounds, "the owner was turned away");
    require(s.data == s.visits[0] + s.visits[1] + s.visits[2], "a visit is lost");
  });
}

template <class Atomics>
void expect_excludes(const char* what) {
  coverage c;
  expect_holds_in_both(std::string(what) + ", 1 thief",
                       [&](const options& o) { return exclude<Atomics>(o, c, 3, 1, 2); });
  expect_holds_in_both(std::string(what) + ", 2 thieves",
                       [&](const options& o) { return exclude<Atomics>(o, c, 2, 2, 1); });
  EXPECT_TRUE(c.stolen && c.owner_after_thief && c.turned_away);
}

TEST(model, biased_lock_excludes) {
  expect_excludes<model_atomics>("membarrier");
  expect_excludes<symmetric_fences>("full fences");
}

template <class Atomics>
void expect_found(const char* what, const char* violation) {
  coverage c;
  expect_violated_in_both(what, [&](const options& o) { return exclude<Atomics>(o, c, 2, 1, 1); }, violation);
}

TEST(model, biased_lock_needs_its_fences) {
  expect_found<no_light_fence>("no light fence", "race");
  expect_found<no_heavy_fence>("no heavy fence", "race");
  expect_found<one_sided_fence>("heavy fence of the thief alone", "race");
}

TEST(model, biased_lock_needs_its_orders) { expect_found<relaxed_orders>("all orders relaxed", "race"); }

}  // namespace
}  // namespace goro::model
