// The queues of the scheduler by themselves: the order in which a P takes what waits on it, what a thief
// gets, and that threads together lose and double nothing. tests/model explores the same source exhaustively
// with small capacities.
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "sched/chain.hpp"
#include "sched/global_queue.hpp"
#include "sched/run_queue.hpp"
#include "support/build.hpp"
#include "support/seed.hpp"

namespace {

using goro::detail::chain;
using goro::detail::pick_order;

struct item {
  item* sched_link = nullptr;
  int id = 0;
  std::atomic<int> taken{0};
};

using queue = goro::detail::run_queue<item, 8>;

std::vector<int> ids_of(chain<item> c) {
  std::vector<int> ids;
  while (const item* i = c.pop_front()) ids.push_back(i->id);
  return ids;
}

struct RunQueue : testing::Test {
  RunQueue() {
    for (int i = 0; i < 100; ++i) items.emplace_back().id = i;
  }
  item* at(std::size_t i) { return &items[i]; }
  // What pick() gives in the usual order, -1 for nothing.
  int next() {
    const item* i = q.pick([] {});
    return i ? i->id : -1;
  }
  int next(pick_order order) {
    const item* i = q.pick(order);
    return i ? i->id : -1;
  }
  std::deque<item> items;
  queue q;
  chain<item> overflow;
};

TEST_F(RunQueue, an_empty_one_gives_nothing) {
  EXPECT_EQ(next(), -1);
  EXPECT_EQ(next(pick_order::slice_over), -1);
  EXPECT_EQ(next(pick_order::oldest_fresh), -1);
  EXPECT_EQ(q.steal().items.size, 0U);
  EXPECT_EQ(q.drain().size, 0U);
  EXPECT_TRUE(q.look().empty());
}

TEST_F(RunQueue, usual_order_is_next_then_ready_in_turn_then_the_newest_fresh) {
  EXPECT_TRUE(q.push_fresh(at(20)));
  EXPECT_TRUE(q.push_fresh(at(21)));
  q.push_ready(at(10), overflow);
  q.push_ready(at(11), overflow);
  EXPECT_EQ(q.push_next(at(1)), nullptr);
  EXPECT_EQ(q.push_next(at(2)), nullptr);  // the former one goes to the end of ready
  EXPECT_FALSE(q.look().empty());
  std::vector<int> order;
  for (int id = next(); id != -1; id = next()) order.push_back(id);
  EXPECT_EQ(order, (std::vector{2, 10, 11, 1, 21, 20}));
  EXPECT_EQ(overflow.size, 0U);
}

TEST_F(RunQueue, when_the_slice_is_over_the_next_one_waits_its_turn) {
  q.push_ready(at(10), overflow);
  EXPECT_EQ(q.push_next(at(1)), nullptr);
  EXPECT_EQ(next(pick_order::slice_over), 10);
  EXPECT_EQ(next(pick_order::slice_over), 1);

  EXPECT_TRUE(q.push_fresh(at(20)));
  EXPECT_TRUE(q.push_fresh(at(21)));
  EXPECT_EQ(q.push_next(at(1)), nullptr);
  EXPECT_EQ(next(pick_order::slice_over), 20) << "the oldest fresh one";
  EXPECT_EQ(next(), 1);
  EXPECT_EQ(next(pick_order::slice_over), 21);

  EXPECT_EQ(q.push_next(at(3)), nullptr);
  EXPECT_EQ(next(pick_order::slice_over), 3) << "there is nobody else";
}

TEST_F(RunQueue, the_oldest_fresh_one_can_be_asked_for) {
  EXPECT_TRUE(q.push_fresh(at(20)));
  EXPECT_TRUE(q.push_fresh(at(21)));
  q.push_ready(at(10), overflow);
  EXPECT_EQ(next(pick_order::oldest_fresh), 20);
  EXPECT_EQ(next(pick_order::oldest_fresh), 21);
  EXPECT_EQ(next(pick_order::oldest_fresh), 10);
}

TEST_F(RunQueue, overflow_of_ready_moves_its_older_half) {
  for (std::size_t i = 0; i < 8; ++i) q.push_ready(at(i), overflow);
  EXPECT_EQ(overflow.size, 0U);
  q.push_ready(at(8), overflow);
  EXPECT_EQ(ids_of(overflow), (std::vector{0, 1, 2, 3, 8}));
  std::vector<int> kept;
  for (int id = next(); id != -1; id = next()) kept.push_back(id);
  EXPECT_EQ(kept, (std::vector{4, 5, 6, 7}));
}

TEST_F(RunQueue, the_former_next_one_is_given_back_when_ready_is_full) {
  for (std::size_t i = 0; i < 8; ++i) q.push_ready(at(i), overflow);
  EXPECT_EQ(q.push_next(at(8)), nullptr);
  EXPECT_EQ(q.push_next(at(9)), at(8));
  EXPECT_EQ(next(), 9);
  EXPECT_EQ(next(), 0);
}

TEST_F(RunQueue, fresh_and_last_refuse_what_has_no_place) {
  for (std::size_t i = 0; i < 8; ++i) EXPECT_TRUE(q.push_fresh(at(i)));
  EXPECT_FALSE(q.push_fresh(at(8)));
  EXPECT_FALSE(q.push_last(at(8))) << "it would be served before the fresh ones";
  while (next() != -1) {
  }
  for (std::size_t i = 0; i < 8; ++i) EXPECT_TRUE(q.push_last(at(i)));
  EXPECT_FALSE(q.push_last(at(8)));
}

TEST_F(RunQueue, last_is_behind_the_next_one_as_well_also_when_the_slice_is_over) {
  q.push_ready(at(1), overflow);
  EXPECT_EQ(q.push_next(at(2)), nullptr);
  EXPECT_TRUE(q.push_last(at(3)));
  EXPECT_EQ(next(pick_order::slice_over), 1);
  EXPECT_EQ(next(pick_order::slice_over), 2);
  EXPECT_EQ(next(pick_order::slice_over), 3);
}

TEST_F(RunQueue, who_comes_after_the_mark_passes_those_before_it) {
  for (std::size_t i = 1; i != 4; ++i) q.push_ready(at(i), overflow);
  EXPECT_EQ(q.push_next(at(4)), nullptr);
  const std::uint32_t mark = q.mark_end();
  q.push_ready(at(5), overflow);
  EXPECT_EQ(next(), 1) << "taken meanwhile";
  q.pass_before(mark);
  std::vector<int> order;
  for (int id = next(); id != -1; id = next()) order.push_back(id);
  EXPECT_EQ(order, (std::vector{4, 5, 2, 3}));
}

TEST_F(RunQueue, nobody_is_passed_where_nobody_came_or_all_have_gone) {
  for (std::size_t i = 1; i != 4; ++i) q.push_ready(at(i), overflow);
  q.pass_before(q.mark_end());
  EXPECT_EQ(next(), 1);
  const std::uint32_t mark = q.mark_end();
  EXPECT_EQ(next(), 2);
  EXPECT_EQ(next(), 3);
  for (std::size_t i = 4; i != 6; ++i) q.push_ready(at(i), overflow);
  EXPECT_EQ(next(), 4);
  q.pass_before(mark);
  EXPECT_EQ(next(), 5);
  EXPECT_EQ(next(), -1);
}

TEST_F(RunQueue, a_full_ring_turns_round_and_the_next_one_stays) {
  for (std::size_t i = 0; i != 8; ++i) q.push_ready(at(i), overflow);
  EXPECT_EQ(q.push_next(at(8)), nullptr);
  q.pass_before(q.mark_end() - 3);
  EXPECT_EQ(next(), 8);
  EXPECT_EQ(next(), 5);
}

TEST_F(RunQueue, last_needs_room_for_the_next_one_too) {
  for (std::size_t i = 0; i < 7; ++i) q.push_ready(at(i), overflow);
  EXPECT_EQ(q.push_next(at(7)), nullptr);
  EXPECT_FALSE(q.push_last(at(8)));
  EXPECT_EQ(next(), 7) << "nothing has changed";
  EXPECT_TRUE(q.push_last(at(8)));
}

TEST_F(RunQueue, rotation_takes_the_first_and_puts_behind_the_last) {
  EXPECT_EQ(q.begin_rotation(at(7)), nullptr) << "nobody to take";
  for (std::size_t i = 0; i < 8; ++i) q.push_ready(at(i), overflow);
  EXPECT_EQ(q.begin_rotation(at(8)), at(0)) << "a full ring has room for who changes places";
  q.end_rotation();
  EXPECT_TRUE(q.push_fresh(at(9)));
  EXPECT_EQ(q.begin_rotation(at(0)), nullptr) << "it would be served before the fresh one";
  EXPECT_EQ(q.pick([] {}), at(1));
  EXPECT_EQ(q.pick(pick_order::oldest_fresh), at(9));
  EXPECT_EQ(q.push_next(at(10)), nullptr);
  EXPECT_EQ(q.begin_rotation(at(0)), nullptr) << "the next one comes first";
  for (const int id : {10, 2, 3, 4, 5, 6, 7, 8, -1}) EXPECT_EQ(next(), id);
}

TEST_F(RunQueue, a_thief_takes_the_older_half_of_ready_then_of_fresh_then_the_next_one) {
  EXPECT_EQ(q.push_next(at(1)), nullptr);
  for (std::size_t i = 10; i < 15; ++i) q.push_ready(at(i), overflow);
  for (std::size_t i = 20; i < 24; ++i) EXPECT_TRUE(q.push_fresh(at(i)));
  auto loot = q.steal();
  EXPECT_FALSE(loot.fresh);
  EXPECT_EQ(ids_of(loot.items), (std::vector{10, 11, 12}));
  EXPECT_EQ(ids_of(q.steal().items), (std::vector{13}));
  EXPECT_EQ(ids_of(q.steal().items), (std::vector{14}));
  loot = q.steal();
  EXPECT_TRUE(loot.fresh);
  EXPECT_EQ(ids_of(loot.items), (std::vector{20, 21}));
  EXPECT_EQ(ids_of(q.steal().items), (std::vector{22}));
  EXPECT_EQ(ids_of(q.steal().items), (std::vector{23}));
  EXPECT_EQ(ids_of(q.steal().items), (std::vector{1}));
  EXPECT_EQ(q.steal().items.size, 0U);
}

TEST_F(RunQueue, drain_takes_everything) {
  EXPECT_EQ(q.push_next(at(1)), nullptr);
  q.push_ready(at(10), overflow);
  EXPECT_TRUE(q.push_fresh(at(20)));
  EXPECT_EQ(ids_of(q.drain()), (std::vector{10, 1, 20}));
  EXPECT_TRUE(q.look().empty());
}

TEST_F(RunQueue, indices_survive_many_rounds_of_the_ring) {
  for (std::size_t i = 0; i < 100'000; ++i) {
    q.push_ready(at(i % 100), overflow);
    q.push_ready(at((i + 1) % 100), overflow);
    ASSERT_EQ(next(), static_cast<int>(i % 100));
    ASSERT_EQ(next(), static_cast<int>((i + 1) % 100));
    ASSERT_TRUE(q.push_fresh(at(i % 100)));
    ASSERT_EQ(next(pick_order::oldest_fresh), static_cast<int>(i % 100));
  }
  EXPECT_EQ(overflow.size, 0U);
}

using large_queue = goro::detail::run_queue<item, 256>;

void push_somehow(large_queue& q, item* i, std::mt19937_64& rng) {
  chain<item> overflow;
  switch (goro_test::pick(rng, 0, 3)) {
    case 0:
      if (item* kicked = q.push_next(i)) q.push_ready(kicked, overflow);
      break;
    case 1:
      q.push_ready(i, overflow);
      break;
    case 2:
      if (!q.push_last(i)) q.push_ready(i, overflow);
      break;
    default:
      if (!q.push_fresh(i)) overflow.push_back(i);
  }
  while (item* o = overflow.pop_front()) ++o->taken;
}

void pick_somehow(large_queue& q, std::mt19937_64& rng) {
  item* got = nullptr;
  switch (goro_test::pick(rng, 0, 5)) {
    case 0:
      got = q.pick([] {});
      break;
    case 1:
      got = q.pick(pick_order::slice_over);
      break;
    case 2:
      got = q.pick(pick_order::oldest_fresh);
      break;
    default:
      break;
  }
  if (got) ++got->taken;
}

// One owner that pushes and picks in every way, three thieves: each item is taken exactly once.
TEST(RunQueueThreads, owner_and_thieves_share_without_loss) {
  std::vector<item> items(static_cast<std::size_t>(goro_test::repetitions(300'000)));
  auto q = std::make_unique<large_queue>();
  std::atomic<bool> done{false};
  std::atomic<int> stolen{0};
  std::vector<std::jthread> thieves;
  for (int t = 0; t < 3; ++t) {
    thieves.emplace_back([&] {
      while (!done) {
        auto loot = q->steal();
        while (item* i = loot.items.pop_front()) {
          ++i->taken;
          ++stolen;
        }
        std::this_thread::yield();
      }
    });
  }
  auto rng = goro_test::make_rng();
  for (std::size_t i = 0; i != items.size(); ++i) {
    push_somehow(*q, &items[i], rng);
    // Half way it waits until the thieves are there.
    while (i == items.size() / 2 && stolen == 0 && !q->look().empty()) std::this_thread::yield();
    pick_somehow(*q, rng);
  }
  done = true;
  thieves.clear();
  for (chain<item> rest = q->drain(); item* i = rest.pop_front();) ++i->taken;
  for (const item& i : items) ASSERT_EQ(i.taken, 1);
  EXPECT_GT(stolen, 0);
}

TEST(GlobalQueue, first_in_first_out_in_fair_shares) {
  std::deque<item> items(10'000);
  goro::detail::global_queue<item> q;
  EXPECT_EQ(q.pop_share(1, 10, [](item*) { FAIL(); }), 0U);
  int id = 0;
  for (item& i : items) {
    i.id = id++;
    q.push(&i);
  }
  EXPECT_EQ(q.size(), 10'000U);
  std::vector<int> order;
  const auto take = [&](const item* i) { order.push_back(i->id); };
  EXPECT_EQ(q.pop_share(4, 100, take), 100U);                // at most what was asked for
  EXPECT_EQ(q.pop_share(100, 1000, take), 9900U / 100 + 1);  // a fair share
  while (q.pop_share(2, 256, take) != 0) {
  }
  ASSERT_EQ(order.size(), 10'000U);
  for (std::size_t i = 0; i < order.size(); ++i) ASSERT_EQ(order[i], static_cast<int>(i));
  EXPECT_EQ(q.size(), 0U);
  EXPECT_EQ(q.pushed(), 10'000U);
  EXPECT_EQ(q.popped(), 10'000U);
}

TEST(GlobalQueue, grows_while_it_is_wrapped_around) {
  std::deque<item> items(5000);
  goro::detail::global_queue<item> q;
  std::size_t in = 0;
  std::size_t out = 0;
  const auto take = [&](const item* i) { EXPECT_EQ(i, &items[out++]); };
  const auto push = [&](std::size_t n) {
    chain<item> c;
    while (n-- != 0) c.push_back(&items[in++]);
    q.push_all(c);
  };
  push(1000);
  q.pop_share(1, 900, take);
  push(1000);
  push(2500);
  while (q.pop_share(1, 1000, take) != 0) {
  }
  EXPECT_EQ(out, 4500U);
}

TEST(GlobalQueue, threads_share_without_loss) {
  const int n = goro_test::repetitions(100'000);
  std::vector<item> items(static_cast<std::size_t>(n));
  goro::detail::global_queue<item> q;
  std::atomic<int> taken{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      for (int i = t; i < n; i += 2) q.push(&items[static_cast<std::size_t>(i)]);
    });
    threads.emplace_back([&] {
      while (taken < n) {
        if (q.pop_share(2, 64, [&](item* i) {
              ++i->taken;
              ++taken;
            }) == 0) {
          std::this_thread::yield();
        }
      }
    });
  }
  threads.clear();
  for (const item& i : items) ASSERT_EQ(i.taken, 1);
}

}  // namespace
