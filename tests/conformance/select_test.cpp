// SELECT-01 to 16: what is chosen, when select waits, and what the others keep.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <deque>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <goro/goro.hpp>

#include "support/fixture.hpp"
#include "support/panic_text.hpp"
#include "support/tracked.hpp"

namespace {

using goro_test::all_park;
using goro_test::eventually;
using goro_test::go_named;
using goro_test::in_goroutine;
using goro_test::panic_text;
using namespace std::chrono_literals;

struct Select : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, Select, goro_test::all_procs());

// How often each of n cases is chosen in `rounds`, all of them ready.
std::vector<int> frequencies(std::size_t n, int rounds) {
  std::deque<goro::recv_case<int>> cases;
  std::vector<goro::select_case*> set;
  for (std::size_t i = 0; i != n; ++i) {
    const goro::chan<int> c{1};
    c.close();
    set.push_back(&cases.emplace_back(c));
  }
  std::vector<int> chosen(n, 0);
  for (int i = 0; i < rounds; ++i) ++chosen[goro::select(set)];
  return chosen;
}

TEST_P(Select, SELECT_01_of_those_that_can_proceed_each_has_the_same_chance) {
  in_goroutine([] {
    constexpr int k_rounds = 20'000;
    for (const std::size_t n : {2U, 3U, 7U}) {
      // Six standard deviations of a fair choice.
      const double mean = double{k_rounds} / static_cast<double>(n);
      for (const int times : frequencies(n, k_rounds)) {
        EXPECT_NEAR(times, mean, 6 * std::sqrt(mean * (1 - 1 / static_cast<double>(n))));
      }
    }
  });
}

TEST_P(Select, SELECT_01_exactly_one_case_is_true_and_its_position_is_returned) {
  in_goroutine([] {
    const goro::chan<int> a{1};
    const goro::chan<int> b{1};
    goro::recv_case from_a{a};
    goro::recv_case from_b{b};
    b.send(2);
    EXPECT_EQ(goro::select(from_a, from_b), 1U);
    EXPECT_FALSE(from_a);
    EXPECT_TRUE(from_b);
    EXPECT_EQ(from_b.take(), 2);
    a.send(1);
    EXPECT_EQ(goro::select(from_a, from_b), 0U);
    EXPECT_TRUE(from_a);
    EXPECT_FALSE(from_b);
    EXPECT_EQ(from_a.take(), 1);
  });
}

TEST_P(Select, SELECT_02_without_a_default_it_blocks_until_a_case_can_proceed) {
  const goro::chan<int> a;
  const goro::chan<int> b;
  std::atomic<int> got{0};
  go_named("selecting", [&, a, b] {
    goro::recv_case from_a{a};
    goro::recv_case from_b{b};
    goro::select(from_a, from_b);
    got = from_b.take().value();
  });
  EXPECT_TRUE(all_park("selecting"));
  EXPECT_EQ(goro_test::state_of("selecting"), "select");
  b.send(3);
  EXPECT_TRUE(eventually([&] { return got == 3; }));
}

TEST_P(Select, SELECT_02_with_a_default_it_never_blocks) {
  in_goroutine([] {
    const goro::chan<int> a;
    goro::recv_case from_a{a};
    goro::send_case to_a{a, 1};
    EXPECT_FALSE(goro::try_select(from_a, to_a));
    EXPECT_FALSE(from_a);
    EXPECT_FALSE(to_a);
    EXPECT_EQ(to_a.value(), 1);
    int ran = 0;
    goro::select(goro::on_recv(a, [&] { ran = 1; }), goro::on_default([&] { ran = 2; }));
    EXPECT_EQ(ran, 2);
  });
}

TEST_P(Select, SELECT_02_with_a_deadline_it_waits_that_long) {
  in_goroutine([] {
    const goro::chan<int> a;
    goro::recv_case from_a{a};
    const auto start = goro::clock::now();
    EXPECT_FALSE(goro::try_select_for(20ms, from_a));
    EXPECT_GE(goro::clock::now() - start, 20ms);
    EXPECT_FALSE(goro::try_select_until(goro::clock::now() - 1s, from_a));
    goro::go([a] {
      goro::sleep_for(5ms);
      a.send(4);
    });
    EXPECT_TRUE(goro::try_select_for(10s, from_a));
    EXPECT_EQ(from_a.take(), 4);
  });
}

TEST_P(Select, SELECT_03_a_nil_channel_is_never_chosen) {
  in_goroutine([] {
    const goro::chan<int> nil{nullptr};
    const goro::chan<int> open{1};
    open.send(1);
    goro::recv_case from_nil{nil};
    goro::send_case to_nil{nil, 5};
    goro::recv_case from_open{open};
    EXPECT_TRUE(from_nil.armed());
    EXPECT_EQ(goro::select(from_nil, to_nil, from_open), 2U);
    EXPECT_FALSE(goro::try_select(from_nil, to_nil));
    EXPECT_FALSE(goro::try_select_for(1ms, from_nil, to_nil));
    EXPECT_EQ(to_nil.value(), 5);
    from_open.disarm();
    EXPECT_FALSE(from_open.armed());
    open.send(2);
    EXPECT_FALSE(goro::try_select(from_open));
    from_open.arm(open);
    EXPECT_TRUE(goro::try_select(from_open));
    EXPECT_EQ(from_open.take(), 2);
  });
}

TEST_P(Select, SELECT_03_with_no_cases_or_only_nil_ones_it_blocks_for_ever) {
  leaves_blocked(2);
  go_named("no cases", [] { goro::select(std::span<goro::select_case* const>()); });
  go_named("only nil", [] {
    const goro::chan<int> nil{nullptr};
    goro::recv_case from_nil{nil};
    goro::select(from_nil);
  });
  EXPECT_TRUE(all_park("no cases"));
  EXPECT_TRUE(all_park("only nil"));
  EXPECT_EQ(goro_test::state_of("no cases"), "select (no cases)");
}

// Somebody moves a value between two channels, so that one of them holds it at all times.
TEST_P(Select, SELECT_04_a_default_is_not_taken_while_something_is_ready_at_all_times) {
  in_goroutine([] {
    for (int round = 0; round != 300; ++round) {
      const goro::chan<int> a{1};
      const goro::chan<int> b{1};
      a.send(1);
      goro::wait_group ended;
      ended.go([=] {
        b.send(1);  // first this, then that: one of the two holds a value at every moment
        a.try_recv().has_value();
      });
      ended.go([=] {
        goro::recv_case from_a{a};
        goro::recv_case from_b{b};
        EXPECT_TRUE(goro::try_select(from_a, from_b));
      });
      ended.wait();
    }
  });
}

TEST_P(Select, SELECT_05_operands_are_evaluated_once_and_in_order_chosen_or_not) {
  in_goroutine([] {
    std::string order;
    const goro::chan<int> ready{1};
    const goro::chan<int> not_ready;
    ready.send(1);
    const auto channel = [&](const char* name, const goro::chan<int>& c) {
      order += name;
      return c;
    };
    const auto value = [&](const char* name) {
      order += name;
      return 7;
    };
    const goro::chan<int> first = channel("a", not_ready);
    goro::send_case a{first, value("1")};
    goro::recv_case b{channel("b", ready)};
    goro::select(a, b);
    EXPECT_EQ(order, "a1b");
  });
}

TEST_P(Select, SELECT_06_only_the_chosen_receive_has_a_value) {
  in_goroutine([] {
    const goro::chan<int> a{1};
    const goro::chan<int> b{1};
    a.send(1);
    goro::recv_case from_a{a};
    goro::recv_case from_b{b};
    goro::select(from_a, from_b);
    EXPECT_EQ(panic_text([&] { from_b.take(); }), "goro: take() of a recv_case that holds nothing");
    EXPECT_EQ(from_a.take(), 1);
    EXPECT_EQ(panic_text([&] { from_a.take(); }), "goro: take() of a recv_case that holds nothing");
    EXPECT_TRUE(from_a) << "the flag stays until the next select";
  });
}

TEST_P(Select, SELECT_07_a_closed_channel_is_always_ready) {
  in_goroutine([] {
    const goro::chan<int> c{1};
    c.send(1);
    c.close();
    goro::recv_case from{c};
    EXPECT_EQ(goro::select(from), 0U);
    EXPECT_EQ(from.take(), 1);
    for (int i = 0; i != 3; ++i) {
      EXPECT_EQ(goro::select(from), 0U);
      EXPECT_EQ(from.take(), std::nullopt);
    }
    goro::send_case to{c, 2};
    EXPECT_EQ(panic_text([&] { goro::select(to); }), "send on closed channel");
    EXPECT_FALSE(to);
    EXPECT_FALSE(to.armed());
    EXPECT_EQ(to.value(), 2);
  });
}

TEST_P(Select, SELECT_07_also_when_the_close_comes_while_it_is_blocked) {
  const goro::chan<int> c;
  const goro::chan<int> other;
  std::atomic<bool> closed_seen{false};
  std::string text;
  go_named("receiving", [&, c, other] {
    goro::recv_case from{c};
    goro::recv_case never{other};
    goro::select(from, never);
    closed_seen = from && !from.take();
  });
  EXPECT_TRUE(all_park("receiving"));
  c.close();
  EXPECT_TRUE(eventually([&] { return closed_seen.load(); }));

  const goro::chan<int> full;
  std::atomic<bool> thrown{false};
  go_named("sending", [&, full, other] {
    goro::send_case to{full, 9};
    goro::recv_case never{other};
    text = panic_text([&] { goro::select(to, never); });
    thrown = !to && to.value() == 9;
  });
  EXPECT_TRUE(all_park("sending"));
  full.close();
  EXPECT_TRUE(eventually([&] { return thrown.load(); }));
  EXPECT_TRUE(eventually([&] { return alive() == 0; }));
  EXPECT_EQ(text, "send on closed channel");
}

TEST_P(Select, SELECT_08_losing_cases_leave_no_trace) {
  in_goroutine([] {
    const goro::chan<int> ready{1};
    const goro::chan<int> filled{1};
    const goro::chan<std::unique_ptr<int>> out;
    for (int i = 0; i != 50; ++i) {
      ready.send(i);
      goro::recv_case from{ready};
      goro::send_case<std::unique_ptr<int>> to{out, std::make_unique<int>(i)};
      goro::recv_case empty{filled};
      goro::select(from, to, empty);
      EXPECT_EQ(from.take(), i);
      ASSERT_TRUE(to.value());
      EXPECT_EQ(*to.value(), i);
      EXPECT_TRUE(to.armed());
    }
    EXPECT_FALSE(out.try_recv());
  });
}

TEST_P(Select, SELECT_08_also_when_they_have_waited) {
  const goro::chan<std::unique_ptr<int>> out;
  const goro::chan<int> in;
  std::atomic<bool> kept{false};
  go_named("selecting", [&, out, in] {
    goro::send_case<std::unique_ptr<int>> to{out, std::make_unique<int>(5)};
    goro::recv_case from{in};
    goro::select(to, from);
    kept = from && *to.value() == 5;
  });
  EXPECT_TRUE(all_park("selecting"));
  in.send(1);
  EXPECT_TRUE(eventually([&] { return kept.load(); }));
  EXPECT_FALSE(out.try_recv());
}

TEST_P(Select, SELECT_09_a_channel_may_occur_several_times) {
  const goro::chan<int> c;
  std::atomic<int> sum{0};
  go_named("selecting", [&, c] {
    for (int i = 0; i != 100; ++i) {
      goro::recv_case first{c};
      goro::recv_case second{c};
      const std::size_t which = goro::select(first, second);
      sum += (which == 0 ? first : second).take().value();
      EXPECT_NE(static_cast<bool>(first), static_cast<bool>(second));
    }
  });
  for (int i = 1; i <= 100; ++i) c.send(i);
  EXPECT_TRUE(eventually([&] { return sum == 5050; }));
}

TEST_P(Select, SELECT_09_but_a_case_may_not) {
  in_goroutine([] {
    const goro::chan<int> c{1};
    c.send(1);
    goro::recv_case from{c};
    EXPECT_EQ(panic_text([&] { goro::select(from, from); }), "goro: a case occurs twice in one select");
    EXPECT_EQ(goro::select(from), 0U) << "and is as good as before";
  });
}

TEST_P(Select, SELECT_10_it_never_pairs_with_itself) {
  in_goroutine([] {
    const goro::chan<int> c;
    goro::recv_case from{c};
    goro::send_case to{c, 1};
    EXPECT_FALSE(goro::try_select_for(2ms, from, to));
    // Two that do both pair with each other.
    std::atomic<int> sent{0};
    std::atomic<int> received{0};
    goro::wait_group ended;
    for (int g = 0; g != 2; ++g) {
      ended.go([&, c] {
        for (int i = 0; i != 200; ++i) {
          goro::recv_case r{c};
          goro::send_case s{c, 1};
          goro::select(r, s) == 0 ? ++received : ++sent;
        }
      });
    }
    ended.wait();
    EXPECT_EQ(sent, 200);
    EXPECT_EQ(received, 200);
  });
}

TEST_P(Select, SELECT_11_the_same_channels_in_different_orders) {
  in_goroutine([] {
    const goro::chan<int> a;
    const goro::chan<int> b;
    std::atomic<int> got{0};
    goro::wait_group ended;
    constexpr int k_each = 300;
    for (int g = 0; g != 4; ++g) {
      ended.go([&, a, b, g] {
        for (int i = 0; i != k_each; ++i) {
          goro::recv_case x{g % 2 == 0 ? a : b};
          goro::recv_case y{g % 2 == 0 ? b : a};
          goro::select(x, y);
          ++got;
        }
      });
      ended.go([a, b, g] {
        for (int i = 0; i != k_each; ++i) {
          goro::send_case x{g % 2 == 0 ? b : a, 1};
          goro::send_case y{g % 2 == 0 ? a : b, 1};
          goro::select(x, y);
        }
      });
    }
    ended.wait();
    EXPECT_EQ(got, 4 * k_each);
  });
}

// Receives `times` values, each from any of the channels, which are named in the order of `at`.
void receive_from_any(const std::vector<goro::chan<int>>& all, const std::vector<std::size_t>& at,
                      int times) {
  for (int i = 0; i != times; ++i) {
    std::deque<goro::recv_case<int>> cases;
    std::vector<goro::select_case*> set;
    for (const std::size_t k : at) set.push_back(&cases.emplace_back(all[k]));
    EXPECT_TRUE(all[at[goro::select(set)]]);
  }
}

// Every third channel is nil.
TEST_P(Select, SELECT_11_any_number_of_channels_in_any_order) {
  in_goroutine([] {
    for (const std::size_t n : {1U, 2U, 3U, 7U, 8U, 9U, 10U, 24U}) {
      std::vector<goro::chan<int>> all;
      for (std::size_t k = 0; k != n; ++k) k % 3 == 1 ? all.emplace_back(nullptr) : all.emplace_back();
      std::vector<std::size_t> order(n);
      std::iota(order.begin(), order.end(), 0);
      std::minstd_rand dice(n);
      constexpr int k_each = 1'000;
      goro::wait_group ended;
      for (int g = 0; g != 4; ++g) {
        std::shuffle(order.begin(), order.end(), dice);
        ended.go([&all, order] { receive_from_any(all, order, k_each); });
        ended.go([&all, order] {
          for (int i = 0; i != k_each; ++i) {
            std::size_t k = order[static_cast<std::size_t>(i) % order.size()];
            if (!all[k]) k = 0;
            all[k].send(i);
          }
        });
      }
      ended.wait();
    }
  });
}

// Selects of few and of many cases lock the same channels, and none is ever ready.
TEST_P(Select, SELECT_11_few_and_many_of_the_same_channels) {
  in_goroutine([] {
    std::vector<goro::chan<int>> all(12);
    std::vector<std::size_t> order(all.size());
    std::iota(order.begin(), order.end(), 0);
    std::minstd_rand dice(1);
    goro::wait_group ended;
    for (int g = 0; g != 6; ++g) {
      std::shuffle(order.begin(), order.end(), dice);
      const std::size_t n = g % 2 == 0 ? 4 : all.size();
      ended.go([&all, order, n] {
        std::deque<goro::recv_case<int>> cases;
        std::vector<goro::select_case*> set;
        for (std::size_t k = 0; k != n; ++k) set.push_back(&cases.emplace_back(all[order[k]]));
        for (int i = 0; i != 5'000; ++i) EXPECT_FALSE(goro::try_select(set));
      });
    }
    ended.wait();
  });
}

TEST_P(Select, SELECT_12_no_ready_case_is_starved) {
  in_goroutine([] {
    const auto chosen = frequencies(10, 2'000);
    for (const int times : chosen) EXPECT_GT(times, 0);
  });
}

TEST_P(Select, SELECT_13_blocking_and_leaving_accumulates_nothing) {
  in_goroutine([] {
    const goro::chan<int> quiet;
    const goro::chan<int> busy;
    goro::wait_group ended;
    ended.go([=] {
      for (int i = 0; i != 2'000; ++i) busy.send(i);
    });
    for (int i = 0; i != 2'000; ++i) {
      goro::recv_case a{quiet};
      goro::recv_case b{busy};
      goro::select(a, b);
    }
    ended.wait();
    // Nobody stands there any more: a try finds nobody to hand its value to.
    EXPECT_FALSE(quiet.try_send(1));
  });
}

// What it costs is in quiet/select_cost_test.cpp.
TEST_P(Select, SELECT_14_many_withdraw_from_one_channel) {
  in_goroutine([] {
    const goro::chan<int> common;
    std::deque<goro::chan<int>> own(static_cast<std::size_t>(goro_test::goroutines_at_once(1000)));
    goro::wait_group ended;
    for (const goro::chan<int>& mine : own) {
      ended.add();
      go_named("chooser", [&, mine] {
        goro::recv_case from_all{common};
        goro::recv_case from_mine{mine};
        goro::select(from_all, from_mine);
        EXPECT_TRUE(from_mine);
        ended.done();
      });
    }
    ASSERT_TRUE(all_park("chooser", own.size()));
    for (auto c = own.rbegin(); c != own.rend(); ++c) c->send(1);
    ended.wait();
    EXPECT_FALSE(common.try_send(1));  // nobody is left in its list
  });
}

TEST_P(Select, SELECT_15_plain_operations_and_selects_mix) {
  in_goroutine([] {
    for (const int capacity : {0, 1, 3}) {
      const goro::chan<int> c{capacity};
      const goro::chan<int> never;
      std::atomic<int> sum{0};
      goro::wait_group ended;
      for (int g = 0; g != 4; ++g) {
        ended.go([&, c, g] {
          for (int i = 1; i <= 100; ++i) {
            if (g % 2 == 0) {
              c.send(i);
            } else {
              goro::send_case to{c, i};
              goro::recv_case no{never};
              goro::select(no, to);
            }
          }
        });
        ended.go([&, c, g] {
          for (int i = 1; i <= 100; ++i) {
            if (g % 2 != 0) {
              sum += c.recv().value();
            } else {
              goro::recv_case from{c};
              goro::recv_case no{never};
              goro::select(from, no);
              sum += from.take().value();
            }
          }
        });
      }
      ended.wait();
      EXPECT_EQ(sum, 4 * 5050);
    }
  });
}

TEST_P(Select, SELECT_16_a_set_known_at_run_time_of_65536_cases) {
  in_goroutine([] {
    constexpr std::size_t k_cases = 65'536;
    std::deque<goro::recv_case<int>> cases;
    std::vector<goro::select_case*> set;
    std::vector<goro::chan<int>> chans;
    for (std::size_t i = 0; i != k_cases; ++i) {
      chans.emplace_back();
      set.push_back(&cases.emplace_back(chans.back()));
    }
    goro::go([c = chans[54'321]] { c.send(7); });
    const std::size_t which = goro::select(set);
    EXPECT_EQ(which, 54'321U);
    EXPECT_EQ(cases[which].take(), 7);
    chans[1].close();
    EXPECT_EQ(goro::select(set), 1U);
    EXPECT_EQ(cases[1].take(), std::nullopt);
  });
}

TEST_P(Select, works_from_plain_threads_and_with_goroutines) {
  const goro::chan<int> a;
  const goro::chan<int> b;
  std::atomic<int> sum{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t != 3; ++t) {
    threads.emplace_back([&, a, b] {
      for (int i = 0; i != 100; ++i) {
        goro::recv_case from_a{a};
        goro::recv_case from_b{b};
        sum += (goro::select(from_a, from_b) == 0 ? from_a : from_b).take().value();
      }
      EXPECT_FALSE(goro::try_select_for(1ms, *std::make_unique<goro::recv_case<int>>(goro::chan<int>())));
    });
  }
  in_goroutine([&] {
    goro::wait_group ended;
    for (int g = 0; g != 3; ++g) {
      ended.go([a, b, g] {
        for (int i = 0; i != 100; ++i) (g % 2 == 0 ? a : b).send(1);
      });
    }
    ended.wait();
  });
  threads.clear();
  EXPECT_EQ(sum, 300);
}

TEST_P(Select, elements_are_destroyed_once_whatever_becomes_of_them) {
  goro_test::tally t;
  in_goroutine([&t] {
    const goro::chan<goro_test::tracked> c{1};
    {
      goro::send_case<goro_test::tracked> sent{c, goro_test::tracked(t, 1)};
      goro::select(sent);
      goro::send_case<goro_test::tracked> unsent{c, goro_test::tracked(t, 2)};
      EXPECT_FALSE(goro::try_select(unsent));
      unsent.arm(c, goro_test::tracked(t, 3));  // 2 is destroyed
      goro::recv_case<goro_test::tracked> from{c};
      goro::select(from);  // 1 is not taken
      EXPECT_TRUE(goro::try_select(unsent));
      goro::select(from);  // and destroyed here
      EXPECT_EQ(from.take()->value(), 3);
    }
    EXPECT_EQ(t.alive(), 0);
  });
  EXPECT_EQ(t.alive(), 0);
  EXPECT_EQ(t.with_value_destroyed, 3);
}

}  // namespace
