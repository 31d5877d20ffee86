// select.hpp: the handler form, and what case objects offer besides.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include <goro/goro.hpp>

#include "support/fixture.hpp"
#include "support/panic_text.hpp"

namespace {

using goro_test::in_goroutine;
using goro_test::panic_text;
using namespace std::chrono_literals;

static_assert(!std::is_move_constructible_v<goro::recv_case<int>>);
static_assert(!std::is_copy_constructible_v<goro::send_case<int>>);
static_assert(std::is_same_v<decltype(goro::recv_case{goro::recv_chan<int>()}), goro::recv_case<int>>);
static_assert(std::is_same_v<decltype(goro::send_case{goro::chan<std::string>(), "text"}),
                             goro::send_case<std::string>>);

struct SelectApi : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, SelectApi, goro_test::all_procs());

TEST_P(SelectApi, handlers_get_the_element_or_nothing) {
  in_goroutine([] {
    const goro::chan<int> c{2};
    c.send(1);
    c.send(2);
    c.close();
    std::vector<std::optional<int>> seen;
    int events = 0;
    goro::select(goro::on_recv(c, [&](std::optional<int> v) { seen.push_back(v); }));
    goro::select(goro::on_recv(c, [&] { ++events; }));
    goro::select(goro::on_recv(c, [&](std::optional<int> v) { seen.push_back(v); }));
    EXPECT_EQ(seen, (std::vector<std::optional<int>>{1, std::nullopt}));
    EXPECT_EQ(events, 1);
  });
}

TEST_P(SelectApi, the_result_is_that_of_the_chosen_handler) {
  in_goroutine([] {
    const goro::chan<int> c{1};
    const auto look = [&c] {
      return goro::select(goro::on_recv(c, [](std::optional<int> v) { return v.value_or(-1) * 1.0; }),
                          goro::on_default([] { return 0; }));
    };
    static_assert(std::is_same_v<decltype(look()), double>);
    EXPECT_EQ(look(), 0);
    c.send(4);
    EXPECT_EQ(look(), 4);
  });
}

TEST_P(SelectApi, on_send_moves_from_its_argument_only_if_it_fires) {
  in_goroutine([] {
    const goro::chan<std::unique_ptr<int>> full{1};
    auto p = std::make_unique<int>(1);
    const auto offer = [&] {
      return goro::select(goro::on_send(full, p, [] { return true; }),
                          goro::on_default([] { return false; }));
    };
    EXPECT_TRUE(offer());
    EXPECT_FALSE(p);
    p = std::make_unique<int>(2);
    EXPECT_FALSE(offer());
    EXPECT_TRUE(p);
    EXPECT_EQ(**full.recv(), 1);
    EXPECT_TRUE(goro::select(goro::on_send(full, std::move(p), [] { return true; })));
    EXPECT_EQ(**full.recv(), 2);
  });
}

TEST_P(SelectApi, on_send_makes_an_element_of_anything_else) {
  in_goroutine([] {
    const goro::chan<std::string> c{2};
    const std::string kept = "kept";
    goro::select(goro::on_send(c, "literal", [] {}));
    goro::select(goro::on_send(c, kept, [] {}));
    EXPECT_EQ(c.recv(), "literal");
    EXPECT_EQ(c.recv(), "kept");
    EXPECT_EQ(kept, "kept");
  });
}

TEST_P(SelectApi, on_timeout_may_stand_anywhere) {
  in_goroutine([] {
    const goro::chan<int> c;
    const auto start = goro::clock::now();
    const int which =
        goro::select(goro::on_timeout(5ms, [] { return 1; }), goro::on_recv(c, [] { return 2; }));
    EXPECT_EQ(which, 1);
    EXPECT_GE(goro::clock::now() - start, 5ms);
    goro::go([c] { c.send(1); });
    EXPECT_EQ(goro::select(goro::on_timeout(10s, [] { return 1; }), goro::on_recv(c, [] { return 2; })), 2);
    EXPECT_EQ(goro::select(goro::on_timeout(1ms, [] { return 1; })), 1) << "alone it is a sleep";
    EXPECT_EQ(goro::select(goro::on_default([] { return 1; })), 1);
  });
}

TEST_P(SelectApi, handlers_run_with_no_lock_held) {
  in_goroutine([] {
    const goro::chan<int> c{1};
    c.send(1);
    goro::select(goro::on_recv(c, [&] {
      c.send(2);
      goro::select(goro::on_recv(c, [&] { c.close(); }));
    }));
    EXPECT_EQ(c.recv(), std::nullopt);
  });
}

TEST_P(SelectApi, what_a_handler_throws_leaves_select) {
  in_goroutine([] {
    const goro::chan<int> c{1};
    c.send(1);
    EXPECT_EQ(panic_text([&] { goro::select(goro::on_recv(c, [] { throw goro::panic("mine"); })); }), "mine");
    c.close();
    EXPECT_EQ(panic_text([&] { goro::select(goro::on_send(c, 1, [] {})); }), "send on closed channel");
  });
}

TEST_P(SelectApi, a_send_case_is_disarmed_once_it_has_fired) {
  in_goroutine([] {
    const goro::chan<int> c{3};
    goro::send_case<int> out;
    EXPECT_FALSE(out.armed());
    EXPECT_FALSE(goro::try_select(out));
    for (int i = 0; i != 3; ++i) {
      out.arm(c, i);
      goro::select(out);
      EXPECT_TRUE(out);
      EXPECT_FALSE(out.armed());
      EXPECT_EQ(panic_text([&] { out.value(); }), "goro: value() of a send_case that holds none");
    }
    EXPECT_EQ(c.size(), 3U);
  });
}

TEST_P(SelectApi, a_case_keeps_its_channel_alive) {
  in_goroutine([] {
    goro::recv_case<int> from;
    {
      const goro::chan<int> c{1};
      c.send(5);
      from.arm(c);
    }
    goro::select(from);
    EXPECT_EQ(from.take(), 5);
  });
}

}  // namespace
