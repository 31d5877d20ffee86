// The run queue, small: an owner that pushes and picks beside thieves. Nothing is lost, nothing is taken
// twice, what whoever takes an item reads in it is what its pusher wrote, and the order is the documented
// one.
#include "sched/run_queue.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>

#include "model/expect.hpp"
#include "model/model_atomics.hpp"

namespace goro::model {
namespace {

constexpr int k_items = 8;

struct item {
  item* sched_link = nullptr;
  int id = 0;
  model_cell<int> payload{0};
  model_cell<int> taken{0};
};

// What one thread took, in its order.
struct takings {
  std::array<int, k_items> ids{};
  int count = 0;

  void add(item* it) {
    require(it->payload == it->id + 100, "an item without its payload");
    require(it->taken == 0, "taken twice");
    it->taken = 1;
    ids[static_cast<std::size_t>(count++)] = it->id;
  }
  void add_all(detail::chain<item> items) {
    while (item* it = items.pop_front()) add(it);
  }
  bool ascending() const {
    for (int i = 1; i < count; ++i) {
      if (ids[static_cast<std::size_t>(i)] < ids[static_cast<std::size_t>(i - 1)]) return false;
    }
    return true;
  }
};

// Which places thieves found something in.
struct coverage {
  bool ready = false, fresh = false, next = false, several = false, turned_away = false;
};

template <std::size_t Capacity, class Atomics>
struct shared {
  detail::run_queue<item, Capacity, Atomics> queue;
  std::array<item, k_items> items;
  takings owner, overflow, thief[2];
  int pushed = 0;

  shared() {
    for (int i = 0; i != k_items; ++i) items[static_cast<std::size_t>(i)].id = i;
  }

  item* make() {
    item* it = &items[static_cast<std::size_t>(pushed++)];
    it->payload = it->id + 100;
    return it;
  }
  void push_ready() {
    detail::chain<item> out;
    queue.push_ready(make(), out);
    overflow.add_all(out);
  }
  void push_next() {
    detail::chain<item> out;
    if (item* kicked = queue.push_next(make())) queue.push_ready(kicked, out);
    overflow.add_all(out);
  }
  void push_fresh() {
    item* it = make();
    if (!queue.push_fresh(it)) overflow.add(it);
  }
  bool pick() {
    return took(queue.pick([] {}));
  }
  bool pick(detail::pick_order order) { return took(queue.pick(order)); }
  bool took(item* it) {
    if (it) owner.add(it);
    return it != nullptr;
  }
  void steal(int who, coverage& c) {
    const auto loot = queue.steal();
    if (!loot.items.first) {
      c.turned_away = true;
      return;
    }
    (loot.fresh ? c.fresh : c.ready) = true;
    if (loot.items.size > 1) c.several = true;
    thief[who].add_all(loot.items);
  }

  // After the last step.
  void check() {
    owner.add_all(queue.drain());
    require(queue.look().empty(), "something is left");
    require(owner.count + overflow.count + thief[0].count + thief[1].count == pushed, "something is lost");
    for (int i = 0; i != pushed; ++i)
      require(items[static_cast<std::size_t>(i)].taken == 1, "something is lost");
  }
};

template <std::size_t Capacity, class Atomics, class Owner>
outcome beside_thieves(const options& how, Owner owner, coverage& c, int thieves, int rounds) {
  using state = shared<Capacity, Atomics>;
  std::vector<thread_body<state>> bodies{owner};
  for (int t = 0; t != thieves; ++t) {
    bodies.push_back([&c, t, rounds](state& s) {
      for (int i = 0; i != rounds; ++i) s.steal(t, c);
    });
  }
  return explore<state>(how, bodies, [](state& s) {
    s.check();
    require(s.thief[0].ascending() && s.thief[1].ascending(), "a thief did not get the oldest first");
  });
}

// First in, first out: whoever takes, takes the oldest.
TEST(model, run_queue_ready_is_fifo) {
  using state = shared<2, guarded_data<model_atomics>>;
  coverage c;
  const auto owner = [](state& s) {
    s.push_ready();
    s.push_ready();
    s.push_ready();  // overflow, unless a thief has made room: the older half goes out, and the new one
    s.pick();
    s.push_ready();
    s.pick();
    require(s.owner.ascending(), "the owner did not get the oldest first");
    require(s.overflow.count == 0 || s.overflow.ids[static_cast<std::size_t>(s.overflow.count - 1)] >= 2,
            "overflow without the item that had no room");
  };
  expect_holds_in_both("ready, 1 thief", [&](const options& o) {
    return beside_thieves<2, guarded_data<model_atomics>>(o, owner, c, 1, 2);
  });
  expect_holds_in_both("ready, 2 thieves", [&](const options& o) {
    return beside_thieves<2, guarded_data<model_atomics>>(o, owner, c, 2, 1);
  });
  EXPECT_TRUE(c.ready && c.turned_away);
}

// The owner gets the newest first, a thief the oldest half.
TEST(model, run_queue_fresh_is_lifo_for_its_owner) {
  using state = shared<4, guarded_data<model_atomics>>;
  coverage c;
  const auto owner = [](state& s) {
    s.push_fresh();
    s.push_fresh();
    s.push_fresh();
    while (s.pick()) {
    }
    for (int i = 1; i < s.owner.count; ++i) {
      require(s.owner.ids[static_cast<std::size_t>(i)] < s.owner.ids[static_cast<std::size_t>(i - 1)],
              "the owner did not get the newest first");
    }
  };
  expect_holds_in_both("fresh, 1 thief", [&](const options& o) {
    return beside_thieves<4, guarded_data<model_atomics>>(o, owner, c, 1, 2);
  });
  expect_holds_in_both("fresh, 2 thieves", [&](const options& o) {
    return beside_thieves<4, guarded_data<model_atomics>>(o, owner, c, 2, 1);
  });
  EXPECT_TRUE(c.fresh && c.several && c.turned_away);
}

// run_next: the newest has it, the one before goes to ready; a thief takes it only when nothing else is left.
TEST(model, run_queue_run_next) {
  using state = shared<2, guarded_data<model_atomics>>;
  coverage c;
  const auto owner = [](state& s) {
    s.push_next();
    s.push_next();
    if (s.pick()) require(s.owner.ids[0] == 1, "the owner did not get run_next");
    s.push_next();
    s.pick(detail::pick_order::slice_over);
  };
  expect_holds_in_both("run_next, 1 thief", [&](const options& o) {
    return beside_thieves<2, guarded_data<model_atomics>>(o, owner, c, 1, 3);
  });
  expect_holds_in_both("run_next, 2 thieves", [&](const options& o) {
    return beside_thieves<2, guarded_data<model_atomics>>(o, owner, c, 2, 1);
  });
  EXPECT_TRUE(c.ready && c.turned_away);
}

// Who rotates stands in the queue before it may be taken: its owner is still on its stack.
template <class Atomics, bool Early>
void rotate(shared<2, Atomics>& s) {
  s.push_ready();
  item* self = &s.items[static_cast<std::size_t>(s.pushed)];
  item* first = s.queue.begin_rotation(self);
  if (!first) return;  // a thief has emptied the queue
  ++s.pushed;
  if (Early) s.queue.end_rotation();
  self->payload = self->id + 100;  // it leaves its stack
  if (!Early) s.queue.end_rotation();
  s.owner.add(first);
}

TEST(model, run_queue_rotation) {
  using atomics = guarded_data<model_atomics>;
  coverage c;
  expect_holds_in_both("rotation, 1 thief", [&](const options& o) {
    return beside_thieves<2, atomics>(o, rotate<atomics, false>, c, 1, 2);
  });
  expect_holds_in_both("rotation, 2 thieves", [&](const options& o) {
    return beside_thieves<2, atomics>(o, rotate<atomics, false>, c, 2, 1);
  });
  EXPECT_TRUE(c.ready && c.turned_away);
  for (const ordering rules : {ordering::tso, ordering::weak}) {
    expect_violated("rotation, open too early",
                    beside_thieves<2, atomics>({.rules = rules}, rotate<atomics, true>, c, 1, 2), "race");
    expect_violated(
        "rotation, no light fence",
        beside_thieves<2, no_light_fence>({.rules = rules}, rotate<no_light_fence, false>, c, 1, 1), "race");
    expect_violated(
        "rotation, no heavy fence",
        beside_thieves<2, no_heavy_fence>({.rules = rules}, rotate<no_heavy_fence, false>, c, 1, 1), "race");
  }
}

// All three places at once, the ring wrapping round, every order of picking, a batch from outside.
template <class Atomics>
void use_everything(shared<2, Atomics>& s) {
  s.push_fresh();
  s.push_next();
  s.push_fresh();
  s.pick(detail::pick_order::slice_over);
  item* batch[] = {s.make()};
  s.queue.push_ready_batch([&](auto push) {  // there is room: at most one is in ready
    for (item* it : batch) push(it);
    return 0;
  });
  item* last = s.make();
  if (!s.queue.push_last(last)) s.overflow.add(last);
  s.pick(detail::pick_order::oldest_fresh);
  s.push_next();
}

TEST(model, run_queue_loses_nothing) {
  coverage c;
  expect_holds_in_both("all places, 1 thief", [&](const options& o) {
    return beside_thieves<2, guarded_data<model_atomics>>(o, use_everything<guarded_data<model_atomics>>, c,
                                                          1, 2);
  });
  expect_holds_in_both("all places, full fences", [&](const options& o) {
    return beside_thieves<2, guarded_data<symmetric_fences>>(
        o, use_everything<guarded_data<symmetric_fences>>, c, 1, 2);
  });
  EXPECT_TRUE(c.ready && c.fresh && c.turned_away);
}

// The same without the shortcut of guarded_data.
TEST(model, run_queue_word_by_word) {
  coverage c;
  const auto owner = [](shared<2, model_atomics>& s) {
    s.push_next();
    s.push_fresh();
    s.pick();
  };
  expect_holds_in_both("word by word",
                       [&](const options& o) { return beside_thieves<2, model_atomics>(o, owner, c, 1, 1); });
  EXPECT_TRUE(c.fresh && c.turned_away);
}

// Whoever looks from outside never sees an empty queue while somebody waits in it all the time.
struct looked_at : shared<2, model_atomics> {
  looked_at() {
    push_next();
    push_ready();
  }
};

struct next_waits : shared<2, model_atomics> {
  next_waits() { push_next(); }
};

TEST(model, run_queue_look) {
  expect_holds_in_both("look", [](const options& how) {
    return explore<looked_at>(how, {[](looked_at& s) { s.pick(detail::pick_order::slice_over); },
                                    [](looked_at& s) { require(!s.queue.look().empty(), "seems empty"); }});
  });
  expect_holds_in_both("look beside who yields", [](const options& how) {
    return explore<next_waits>(how,
                               {[](next_waits& s) { require(s.queue.push_last(s.make()), "there is room"); },
                                [](next_waits& s) { require(!s.queue.look().empty(), "seems empty"); }});
  });
}

template <class Atomics>
void expect_found(const char* what) {
  for (const ordering rules : {ordering::tso, ordering::weak}) {
    coverage c;
    const auto owner = [](shared<2, Atomics>& s) {
      s.push_ready();
      s.pick();
    };
    expect_violated(what, beside_thieves<2, Atomics>({.rules = rules}, owner, c, 1, 1), "race");
  }
}

TEST(model, run_queue_needs_its_lock) {
  expect_found<no_light_fence>("no light fence");
  expect_found<no_heavy_fence>("no heavy fence");
  expect_found<relaxed_orders>("all orders relaxed");
}

}  // namespace
}  // namespace goro::model
