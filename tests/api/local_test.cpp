// goroutine_local.hpp and scope_exit.hpp.
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <goro/goro.hpp>

#include "support/fixture.hpp"

namespace {

using goro_test::in_goroutine;

struct Local : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, Local, goro_test::all_procs());

goro::goroutine_local<int> own_number;
goro::goroutine_local<std::string> own_text;

TEST_P(Local, each_goroutine_has_its_own) {
  *own_number = -1;  // the thread's
  in_goroutine([] {
    EXPECT_EQ(*own_number, 0) << "T{} at first";
    goro::wait_group ended;
    for (int g = 0; g < 100; ++g) {
      ended.go([g] {
        EXPECT_EQ(*own_number, 0);
        EXPECT_TRUE(own_text->empty());
        *own_number = g;
        *own_text = "goroutine " + std::to_string(g);
        for (int i = 0; i < 5; ++i) goro::this_goroutine::yield();
        EXPECT_EQ(*own_number, g);
        EXPECT_EQ(*own_text, "goroutine " + std::to_string(g));
      });
    }
    ended.wait();
    EXPECT_EQ(*own_number, 0);
  });
  EXPECT_EQ(*own_number, -1);
  std::jthread([] { EXPECT_EQ(*own_number, 0); }).join();
  *own_number = 0;
}

std::atomic<int> objects{0};
std::vector<std::string>* destruction_order = nullptr;

template <int N>
struct noisy {
  noisy() { ++objects; }
  noisy(const noisy&) = delete;
  noisy& operator=(const noisy&) = delete;
  ~noisy() {
    goro::this_goroutine::yield();  // may park at the end of its goroutine
    if (destruction_order) destruction_order->push_back(std::to_string(N));
    --objects;
  }
};

goro::goroutine_local<noisy<1>> first;
goro::goroutine_local<noisy<2>> second;

TEST_P(Local, objects_are_destroyed_at_the_end_in_reverse_order) {
  in_goroutine([this] {
    std::vector<std::string> order;
    destruction_order = &order;
    goro::go([] {
      (void)*first;
      (void)*second;
      EXPECT_EQ(objects, 2);
    });
    EXPECT_TRUE(goro_test::eventually([this] { return alive() == 1; }));
    EXPECT_EQ(objects, 0);  // an atomic: what the destructors did happens before what follows
    destruction_order = nullptr;
    EXPECT_EQ(order, (std::vector<std::string>{"2", "1"}));
  });
}

TEST_P(Local, objects_are_destroyed_when_the_goroutine_or_thread_exits) {
  in_goroutine([this] {
    goro::go([] {
      (void)*first;
      goro::this_goroutine::exit();
    });
    EXPECT_TRUE(goro_test::eventually([this] { return alive() == 1; }));
    EXPECT_EQ(objects, 0);
  });
  std::jthread([] {
    (void)*first;
    EXPECT_EQ(objects, 1);
  }).join();
  EXPECT_EQ(objects, 0);
}

struct ScopeExit : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, ScopeExit, goro_test::all_procs());

struct quiet {
  void operator()() noexcept {}
};
struct loud {
  void operator()() {}
};
static_assert(std::is_nothrow_destructible_v<goro::scope_exit<quiet>>);
static_assert(!std::is_nothrow_destructible_v<goro::scope_exit<loud>>);
static_assert(!std::is_copy_constructible_v<goro::scope_exit<quiet>>);

TEST_P(ScopeExit, may_throw_when_nothing_else_is_in_flight) {
  in_goroutine([] {
    std::string caught;
    try {
      const goro::scope_exit throws([] { throw std::runtime_error("from the end"); });
      goro::this_goroutine::yield();
    } catch (const std::runtime_error& e) {
      caught = e.what();
    }
    EXPECT_EQ(caught, "from the end");
  });
}

TEST_P(ScopeExit, may_park_and_runs_in_the_goroutine) {
  in_goroutine([] {
    const goro::chan<goro::goroutine_id> c;
    const auto id = goro::async([c] {
      const goro::scope_exit at_end([c] { c.send(goro::this_goroutine::id()); });
      return goro::this_goroutine::id();
    });
    const auto told = c.recv();
    id.wait();
    EXPECT_NE(told, goro::this_goroutine::id());
    EXPECT_NE(told, 0U);
  });
}

}  // namespace
