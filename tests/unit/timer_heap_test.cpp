// The heap of timers by itself: order, disarming, and random operations against a sorted container.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <iterator>
#include <map>
#include <random>
#include <thread>
#include <vector>

#include "support/build.hpp"
#include "support/seed.hpp"
#include "time/timer_heap.hpp"

namespace {

using goro::time_point;
using goro::detail::timer_heap;
using goro::detail::timer_node;
using namespace std::chrono_literals;

time_point at(int ticks) { return time_point(goro::clock::duration(ticks)); }

// A timer that notes in which order it fires.
struct noting_timer : timer_node {
  std::vector<int>* fired = nullptr;
  int id = 0;
  noting_timer(std::vector<int>& log, int number, time_point due) : fired(&log), id(number) {
    when = due;
    fire = [](timer_node& t) {
      auto& self = static_cast<noting_timer&>(t);
      self.fired->push_back(self.id);
      self.finish();
    };
  }
};

TEST(TimerHeap, an_empty_one_is_due_never) {
  timer_heap heap;
  EXPECT_EQ(heap.next_due(), time_point::max());
  EXPECT_EQ(heap.fire_due(time_point::max()), 0U);
}

TEST(TimerHeap, arm_tells_whether_it_is_now_the_first) {
  timer_heap heap;
  std::vector<int> fired;
  noting_timer b(fired, 2, at(20));
  noting_timer a(fired, 1, at(10));
  noting_timer c(fired, 3, at(30));
  EXPECT_TRUE(heap.arm(b));
  EXPECT_EQ(heap.next_due(), at(20));
  EXPECT_TRUE(heap.arm(a));
  EXPECT_FALSE(heap.arm(c));
  EXPECT_EQ(heap.next_due(), at(10));
  EXPECT_EQ(heap.fire_due(at(9)), 0U);
  EXPECT_EQ(heap.fire_due(at(20)), 2U);  // what is due at this very moment is due
  EXPECT_EQ(heap.next_due(), at(30));
  EXPECT_EQ(heap.fire_due(at(100)), 1U);
  EXPECT_EQ(heap.next_due(), time_point::max());
  EXPECT_EQ(fired, (std::vector{1, 2, 3}));
}

TEST(TimerHeap, a_disarmed_timer_does_not_fire) {
  timer_heap heap;
  std::vector<int> fired;
  std::deque<noting_timer> timers;
  for (int i = 0; i < 10; ++i) heap.arm(timers.emplace_back(fired, i, at(i)));
  for (const std::size_t i : {0U, 9U, 4U, 5U}) EXPECT_TRUE(timer_heap::disarm(timers[i]));
  EXPECT_FALSE(timer_heap::disarm(timers[4])) << "twice";
  EXPECT_EQ(heap.next_due(), at(1));
  EXPECT_EQ(heap.fire_due(at(100)), 6U);
  EXPECT_EQ(fired, (std::vector{1, 2, 3, 6, 7, 8}));
  EXPECT_FALSE(timer_heap::disarm(timers[1])) << "after it has fired";
}

TEST(TimerHeap, a_timer_can_be_armed_again_also_by_its_own_function) {
  timer_heap heap;
  struct repeating : timer_node {
    timer_heap* own = nullptr;
    int left = 5;
  } t;
  t.own = &heap;
  t.when = at(1);
  t.fire = [](timer_node& node) {
    auto& self = static_cast<repeating&>(node);
    self.finish();
    if (--self.left == 0) return;
    self.when += 1ns;
    self.own->arm(self);
  };
  heap.arm(t);
  EXPECT_EQ(heap.fire_due(at(3)), 3U);
  EXPECT_EQ(t.left, 2);
  EXPECT_EQ(heap.fire_due(at(100)), 2U);
  EXPECT_EQ(heap.next_due(), time_point::max());
}

// A heap and a sorted container that should always agree.
struct compared_heap {
  std::mt19937_64 rng = goro_test::make_rng();
  timer_heap heap;
  std::vector<int> fired;
  std::deque<noting_timer> timers;  // by id
  std::multimap<time_point, int> expected;
  int now = 0;

  noting_timer& timer(int id) { return timers[static_cast<std::size_t>(id)]; }

  void arm_one() {
    const int id = static_cast<int>(timers.size());
    noting_timer& t = timers.emplace_back(fired, id, at(now + goro_test::pick(rng, -5, 2000)));
    const bool is_first = expected.empty() || t.when < expected.begin()->first;
    ASSERT_EQ(heap.arm(t), is_first);
    expected.emplace(t.when, id);
  }

  void disarm_one() {
    if (expected.empty()) return;
    const auto which =
        std::next(expected.begin(), goro_test::pick(rng, 0, static_cast<int>(expected.size()) - 1));
    ASSERT_TRUE(timer_heap::disarm(timer(which->second)));
    expected.erase(which);
  }

  void let_time_pass() {
    now += goro_test::pick(rng, 0, 300);
    fired.clear();
    const std::size_t n = heap.fire_due(at(now));
    ASSERT_EQ(n, fired.size());
    for (const int id : fired) {
      const time_point due = timer(id).when;
      ASSERT_LE(due, at(now));
      ASSERT_FALSE(expected.empty());
      ASSERT_EQ(due, expected.begin()->first) << "out of order";
      const auto [first, end] = expected.equal_range(due);
      const auto it = std::find_if(first, end, [&](const auto& e) { return e.second == id; });
      ASSERT_NE(it, end) << "it was not armed";
      expected.erase(it);
    }
    ASSERT_TRUE(expected.empty() || expected.begin()->first > at(now)) << "one that is due did not fire";
  }
};

TEST(TimerHeap, random_operations_agree_with_a_sorted_container) {
  compared_heap h;
  for (int step = 0; step < goro_test::repetitions(50'000) && !HasFailure(); ++step) {
    switch (goro_test::pick(h.rng, 0, 9)) {
      case 0:
        h.let_time_pass();
        break;
      case 1:
      case 2:
        h.disarm_one();
        break;
      default:
        h.arm_one();
    }
    ASSERT_EQ(h.heap.next_due(), h.expected.empty() ? time_point::max() : h.expected.begin()->first);
  }
  while (!h.expected.empty() && !HasFailure()) h.disarm_one();
}

TEST(TimerHeap, each_timer_is_either_disarmed_or_fired_never_both) {
  // One thread arms and disarms, two fire.
  timer_heap heap;
  std::atomic<int> fires{0};
  std::atomic<bool> stop{false};
  struct counting : timer_node {
    std::atomic<int>* count = nullptr;
  };
  int disarmed = 0;
  const int n = goro_test::repetitions(10'000);
  {
    std::vector<std::jthread> firing;
    for (int i = 0; i < 2; ++i) {
      firing.emplace_back([&] {
        while (!stop) {
          heap.fire_due(at(1000));
          std::this_thread::yield();
        }
      });
    }
    auto rng = goro_test::make_rng();
    for (int i = 0; i < n; ++i) {
      counting t;
      t.count = &fires;
      t.when = at(goro_test::pick(rng, 0, 1000));
      t.fire = [](timer_node& node) {
        ++*static_cast<counting&>(node).count;
        node.finish();
      };
      heap.arm(t);
      if (i % 3 == 0) std::this_thread::yield();
      if (timer_heap::disarm(t)) {
        ++disarmed;
      } else {
        t.wait_idle();
      }
    }
    stop = true;
  }
  EXPECT_EQ(fires + disarmed, n);
}

TEST(TimerHeap, a_timer_is_disarmed_once_while_another_thread_arms_it_in_another_heap) {
  // What stop() does without a guard while reset() moves the timer from heap to heap.
  std::array<timer_heap, 2> heaps;
  timer_node t;
  t.when = at(1000);
  std::atomic<int> disarmed{0};
  std::atomic<bool> stop{false};
  const auto disarm = [&] {
    if (timer_heap::disarm(t)) ++disarmed;
  };
  const int n = goro_test::repetitions(100'000);
  {
    std::vector<std::jthread> stopping;
    for (int i = 0; i < 2; ++i) {
      stopping.emplace_back([&] {
        while (!stop) disarm();
      });
    }
    for (int i = 0; i < n; ++i) {
      heaps[static_cast<std::size_t>(i % 2)].arm(t);
      while (t.status.load() != timer_node::state::idle) disarm();
    }
    stop = true;
  }
  EXPECT_EQ(disarmed, n);
  for (const timer_heap& heap : heaps) EXPECT_EQ(heap.size(), 0U);
}

}  // namespace
