// Labels: go_options::label, this_goroutine::set_label, and where they are to be seen.
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <thread>

#include <goro/diag.hpp>
#include <goro/goro.hpp>

#include "support/fixture.hpp"

namespace {

using goro::go_options;
using goro::goroutine_labels;
using goro_test::in_goroutine;

struct Labels : goro_test::procs_test {
  // Those of the calling goroutine, as others see them.
  static goroutine_labels own() {
    const auto self = goro::this_goroutine::id();
    for (const auto& g : goro::diag::goroutines()) {
      if (g.id == self) return g.labels;
    }
    return {{"not", "there"}};
  }

  // Those of a goroutine that is started with these options.
  static goroutine_labels of_one_started_with(const go_options& options) {
    goroutine_labels seen;
    goro::wait_group ended;
    ended.add();
    goro::go(options, [&] {
      seen = own();
      ended.done();
    });
    ended.wait();
    return seen;
  }
};
INSTANTIATE_TEST_SUITE_P(Procs, Labels, goro_test::all_procs());

TEST_P(Labels, are_there_in_the_order_in_which_they_were_set) {
  in_goroutine([] {
    EXPECT_EQ(own(), goroutine_labels{});
    EXPECT_EQ(of_one_started_with(go_options{}.label("request", "42").label("customer", "a b").name("named")),
              (goroutine_labels{{"request", "42"}, {"customer", "a b"}}));
    go_options options;
    options.label("z", "1");
    options.label("a", "2");
    EXPECT_EQ(of_one_started_with(options), (goroutine_labels{{"z", "1"}, {"a", "2"}}));
    EXPECT_EQ(own(), goroutine_labels{}) << "those of another goroutine";
  });
}

TEST_P(Labels, the_last_value_of_a_key_counts_and_an_empty_one_is_none) {
  in_goroutine([] {
    EXPECT_EQ(of_one_started_with(go_options{}.label("a", "1").label("b", "2").label("a", "3")),
              (goroutine_labels{{"a", "3"}, {"b", "2"}}));
    EXPECT_EQ(of_one_started_with(go_options{}.label("a", "1").label("b", "2").label("a", "")),
              (goroutine_labels{{"b", "2"}}));
    EXPECT_EQ(of_one_started_with(go_options{}.label("never set", "")), goroutine_labels{});
  });
}

TEST_P(Labels, are_those_of_the_starter_and_ones_own) {
  in_goroutine([] {
    goro::wait_group ended;
    ended.add();
    goro::go(go_options{}.label("request", "42").label("step", "1"), [&] {
      EXPECT_EQ(of_one_started_with({}), (goroutine_labels{{"request", "42"}, {"step", "1"}}));
      EXPECT_EQ(of_one_started_with(go_options{}.label("step", "2").label("part", "x")),
                (goroutine_labels{{"request", "42"}, {"step", "2"}, {"part", "x"}}));
      EXPECT_EQ(of_one_started_with(go_options{}.label("step", "").label("request", "")), goroutine_labels{});
      EXPECT_EQ(own(), (goroutine_labels{{"request", "42"}, {"step", "1"}}));
      goro::wait_group unnamed;
      unnamed.go([] { EXPECT_EQ(own(), (goroutine_labels{{"request", "42"}, {"step", "1"}})); });
      EXPECT_EQ(goro::async([] { return own(); }).get(),
                (goroutine_labels{{"request", "42"}, {"step", "1"}}));
      unnamed.wait();
      ended.done();
    });
    ended.wait();
    EXPECT_EQ(of_one_started_with({}), goroutine_labels{});
  });
}

TEST_P(Labels, a_goroutine_sets_its_own) {
  in_goroutine([] {
    goro::wait_group ended;
    ended.go([] {
      goro::this_goroutine::set_label("request", "42");
      goro::this_goroutine::set_label("step", "1");
      const goroutine_labels first{{"request", "42"}, {"step", "1"}};
      EXPECT_EQ(own(), first);
      const goro::chan<int> go_on;
      goroutine_labels of_child;
      goro::wait_group child;
      child.go([&] {
        go_on.recv();
        of_child = own();
      });
      goro::this_goroutine::set_label("step", "2");
      EXPECT_EQ(own(), (goroutine_labels{{"request", "42"}, {"step", "2"}}));
      go_on.close();
      child.wait();
      EXPECT_EQ(of_child, first) << "those that its starter had then";
      goro::this_goroutine::set_label("request", "");
      goro::this_goroutine::set_label("step", "");
      EXPECT_EQ(own(), goroutine_labels{});
      EXPECT_EQ(of_one_started_with({}), goroutine_labels{});
    });
    ended.wait();
    EXPECT_EQ(own(), goroutine_labels{}) << "the descriptor is used again, the labels are not";
  });
}

TEST_P(Labels, of_a_plain_thread_there_are_none) {
  std::thread([] {
    goro::this_goroutine::set_label("request", "42");
    EXPECT_EQ(of_one_started_with({}), goroutine_labels{});
    EXPECT_EQ(of_one_started_with(go_options{}.label("a", "1")), (goroutine_labels{{"a", "1"}}));
  }).join();
}

// Everybody reads and changes at the same time; what each sees is one set.
TEST_P(Labels, are_read_while_they_change) {
  in_goroutine([] {
    constexpr int k_rounds = 200;
    goro::wait_group ended;
    for (int i = 0; i != 4; ++i) {
      ended.go([i] {
        for (int n = 0; n != k_rounds; ++n) {
          goro::this_goroutine::set_label("a", std::to_string(i * k_rounds + n));
          goro::wait_group child;
          child.go([] { EXPECT_EQ(own().size(), 1U); });
          child.wait();
        }
      });
    }
    for (int n = 0; n != 20; ++n) {
      for (const auto& g : goro::diag::goroutines()) EXPECT_LE(g.labels.size(), 1U);
      goro::this_goroutine::yield();
    }
    ended.wait();
  });
}

}  // namespace
