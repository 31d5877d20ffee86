// STACK-02 to 05: how deep goroutines go, and what becomes of their frames meanwhile. What stacks cost is in
// stack_memory_test.cpp, what happens beyond the limit in process_stack_test.cpp.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <thread>
#include <vector>

#include <goro/goro.hpp>

#include "support/dive.hpp"
#include "support/fixture.hpp"
#include "support/seed.hpp"

namespace {

using goro_test::dive;
using goro_test::dive_result;
using goro_test::expect_depth;
using goro_test::expect_intact;
using goro_test::in_goroutine;
using goro_test::k_kb;
using goro_test::k_mb;
using goro_test::k_sanitized;
using namespace std::chrono_literals;

// With the limit that is there when nobody has said anything.
constexpr std::size_t k_deep = k_sanitized ? 90 * k_kb : 64 * k_mb;
// What many may have at once.
constexpr std::size_t k_less_deep = k_sanitized ? 60 * k_kb : 2 * k_mb;

struct Stacks : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, Stacks, goro_test::all_procs());

TEST_P(Stacks, STACK_02_recursion_goes_deep_without_any_size_from_the_user) {
  in_goroutine([] { expect_depth<16>(k_deep); });
  in_goroutine([] { expect_depth<k_kb>(k_deep); });
  in_goroutine([] { expect_depth<100 * k_kb>(k_deep); });
}

// Every level gives the turn away, so they go on wherever a P has time.
[[gnu::noinline]] std::uint64_t sum_down_to(std::uint64_t n) {
  volatile std::uint64_t own = n;
  if (n % 16 == 0) goro::this_goroutine::yield();
  const std::uint64_t below = n == 0 ? 0 : sum_down_to(n - 1);
  if (n % 16 == 8) goro::this_goroutine::yield();
  return own + below;
}

TEST_P(Stacks, STACK_02_many_at_once_that_move_from_thread_to_thread) {
  in_goroutine([] {
    constexpr std::uint64_t k_levels = k_sanitized ? 500 : 20'000;
    goro::wait_group ended;
    for (std::uint64_t i = 0; i != 20; ++i) {
      ended.go([i] {
        const std::uint64_t n = k_levels + i;
        EXPECT_EQ(sum_down_to(n), n * (n + 1) / 2);
      });
      ended.go([] { expect_intact(dive<k_kb>(k_less_deep, [] { goro::this_goroutine::yield(); })); });
    }
    ended.wait();
  });
}

// Goes deep when its scope is left.
struct dives_at_the_end {
  std::atomic<int>& dives;
  ~dives_at_the_end() {
    expect_depth<k_kb>(k_deep);
    ++dives;
  }
};

TEST_P(Stacks, STACK_03_in_destructors_that_an_exception_runs) {
  in_goroutine([] {
    std::atomic<int> dives{0};
    try {
      const dives_at_the_end d{dives};
      throw std::runtime_error("in flight");
    } catch (const std::runtime_error&) {
      expect_depth<k_kb>(k_deep);  // and while it is handled
      EXPECT_EQ(dives, 1);
    }
  });
}

TEST_P(Stacks, STACK_03_in_destructors_that_exit_runs) {
  std::atomic<int> dives{0};
  in_goroutine([&] {
    goro::wait_group ended;
    ended.go([&] {
      const dives_at_the_end first{dives};
      const goro::scope_exit second([&] {
        expect_depth<k_kb>(k_deep);
        ++dives;
      });
      goro::this_goroutine::exit();
    });
    ended.wait();
  });
  EXPECT_EQ(dives, 2);
}

TEST_P(Stacks, STACK_03_in_deferred_calls) {
  std::atomic<int> dives{0};
  const auto deferred = [&] {
    expect_depth<k_kb>(k_deep);
    ++dives;
  };
  in_goroutine([&] { const goro::scope_exit at_the_end(deferred); });
  in_goroutine([&] {
    try {
      const goro::scope_exit at_the_end(deferred);
      throw std::runtime_error("in flight");
    } catch (const std::runtime_error&) {
    }
  });
  EXPECT_EQ(dives, 2);
}

TEST_P(Stacks, STACK_03_in_the_functions_of_timers) {
  in_goroutine([] {
    const goro::chan<goro::unit> done{1};
    const goro::timer t = goro::after_func(1ms, [done] {
      expect_depth<k_kb>(k_deep);
      done.send({});
    });
    EXPECT_TRUE(done.recv());
  });
}

// --- addresses ---

TEST_P(Stacks, STACK_04_the_place_of_a_pending_receive_is_deep_in_a_recursion) {
  in_goroutine([] {
    using values = std::array<std::uint64_t, 64>;
    const goro::chan<values> c;
    for (const bool by_select : {false, true}) {
      goro::chan<bool> as_sent{1};
      goro_test::go_named("deep receiver", [=] {
        values received{};
        const dive_result r = dive<k_kb>(k_less_deep, [&] {
          goro::recv_case<values> next{c};
          if (by_select) goro::select(next);
          received = by_select ? next.take().value() : c.recv().value();
        });
        expect_intact(r);
        values expected;
        expected.fill(4711);
        as_sent.send(received == expected);
      });
      EXPECT_TRUE(goro_test::all_park("deep receiver"));
      values sent;
      sent.fill(4711);
      c.send(sent);
      EXPECT_EQ(as_sent.recv(), true);
    }
  });
}

// Its own locals, in a shallow and in a deep frame, whose addresses somebody else gets.
struct lent_locals {
  goro::chan<std::uint64_t*> lent{2};
  goro::chan<goro::unit> written;

  void owner() const {
    std::uint64_t shallow = 1;
    lent.send(&shallow);
    const dive_result r = dive<k_kb>(k_less_deep, [&] {
      std::uint64_t deep = 2;
      lent.send(&deep);
      written.recv();
      EXPECT_EQ(deep, 20U);
    });
    EXPECT_EQ(shallow, 10U);
    expect_intact(r);
  }

  void borrower() const {
    std::uint64_t* const shallow = lent.recv().value();
    EXPECT_EQ(*shallow, 1U);
    std::uint64_t* const deep = lent.recv().value();
    *shallow = 10;
    *deep = 20;
    written.send({});
  }
};

TEST_P(Stacks, STACK_04_others_write_to_locals_while_the_owner_goes_deeper_and_waits) {
  in_goroutine([] {
    goro::wait_group ended;
    std::vector<lent_locals> all(20);
    for (const lent_locals& l : all) {
      ended.go([&] { l.owner(); });
      ended.go([&] { l.borrower(); });
    }
    ended.wait();
  });
}

TEST_P(Stacks, STACK_04_a_local_keeps_its_address_wherever_its_goroutine_goes_on) {
  in_goroutine([] {
    goro::wait_group ended;
    for (int g = 0; g < 8; ++g) {
      ended.go([] {
        std::atomic<std::uint64_t> counter{0};
        const auto* const address = &counter;
        goro::wait_group helpers;
        for (int i = 0; i < goro_test::repetitions(500); ++i) {
          helpers.go([&counter] { ++counter; });
          goro::this_goroutine::yield();
          std::atomic<std::uint64_t>* volatile now = &counter;
          EXPECT_EQ(now, address);
        }
        helpers.wait();
        EXPECT_EQ(counter, static_cast<std::uint64_t>(goro_test::repetitions(500)));
      });
    }
    ended.wait();
  });
}

// --- the limit ---

// Puts the present limit back.
class limit_restorer {
 public:
  limit_restorer() : limit_(goro::set_max_stack(0)) {}
  ~limit_restorer() { goro::set_max_stack(limit_); }
  limit_restorer(const limit_restorer&) = delete;
  limit_restorer& operator=(const limit_restorer&) = delete;

 private:
  std::size_t limit_;
};

TEST_P(Stacks, STACK_05_set_max_stack_returns_the_former_limit_and_zero_only_asks) {
  const limit_restorer at_the_end;
  const std::size_t former = goro::set_max_stack(0);
  EXPECT_EQ(goro::set_max_stack(0), former);
  EXPECT_EQ(goro::set_max_stack(8 * k_mb), former);
  EXPECT_EQ(goro::set_max_stack(0), 8 * k_mb);
  in_goroutine([] { EXPECT_EQ(goro::set_max_stack(100'000), 8 * k_mb); });
  EXPECT_EQ(goro::set_max_stack(std::size_t{2} << 40), 100'000U);
  EXPECT_EQ(goro::set_max_stack(former), std::size_t{1} << 40) << "the most that there is";
}

TEST_P(Stacks, STACK_05_a_new_limit_is_for_those_that_begin) {
  const limit_restorer at_the_end;
  const goro::chan<goro::unit> go_on;
  goro::set_max_stack(8 * k_mb);
  goro::wait_group ended;
  in_goroutine([] { expect_depth<k_kb>(7 * k_mb); });
  goro_test::go_named("begun before", [&] {
    const goro::scope_exit done([&] { ended.done(); });
    go_on.recv();
    expect_depth<k_kb>(7 * k_mb);
  });
  ended.add();
  ASSERT_TRUE(goro_test::all_park("begun before"));
  goro::set_max_stack(64 * k_kb);
  ended.go([] { expect_depth<k_kb>(30 * k_kb); });
  go_on.send({});
  ended.wait();
  goro::set_max_stack(16 * k_mb);
  in_goroutine([] { expect_depth<k_kb>(15 * k_mb); });
}

TEST_P(Stacks, STACK_05_what_others_keep_for_reuse_is_missing_nowhere) {
  in_goroutine([] {
    goro::wait_group ended;
    for (int i = 0; i < goro_test::goroutines_at_once(3000); ++i) {
      ended.go([] {
        for (int turn = 0; turn < 20; ++turn) goro::this_goroutine::yield();
      });
    }
    ended.wait();
    for (int i = 0; i < 30; ++i) {
      ended.go([] { expect_intact(dive<k_kb>(k_less_deep, [] { goro::sleep_for(2ms); })); });
    }
    ended.wait();
  });
}

TEST_P(Stacks, STACK_05_options_ask_for_one_goroutine) {
  const limit_restorer at_the_end;
  goro::set_max_stack(64 * k_kb);
  in_goroutine([] {
    const auto go_deep = [](std::size_t stack, std::size_t depth) {
      const goro::chan<goro::unit> done;
      goro::go(goro::go_options{}.stack(stack), [=] {
        expect_depth<k_kb>(depth);
        done.close();
      });
      done.recv();
    };
    go_deep(16 * k_mb, 15 * k_mb);
    go_deep(300 * k_kb, 280 * k_kb);
    go_deep(1, 30 * k_kb);  // the least is 64 KB
    const auto too_much = [] { goro::go(goro::go_options{}.stack((std::size_t{1} << 40) + 1), [] {}); };
    EXPECT_THROW(too_much(), goro::panic);
  });
}

TEST_P(Stacks, STACK_05_one_stack_serves_all_that_ask_for_its_size_one_after_another) {
  in_goroutine([] {
    constexpr std::size_t k_size = std::size_t{16} << 20;
    const std::uint64_t before = goro::stats().stack_bytes_reserved;
    for (int i = 0; i != 100; ++i) {
      goro::wait_group ended;
      ended.add(1);
      goro::go(goro::go_options{}.stack(k_size), [&] { ended.done(); });
      ended.wait();
    }
    EXPECT_LT(goro::stats().stack_bytes_reserved, before + 40 * k_size);  // they are made in batches
  });
}

TEST_P(Stacks, STACK_05_the_limit_changes_while_goroutines_come_and_go) {
  const limit_restorer at_the_end;
  constexpr std::array<std::size_t, 5> k_limits{64 * k_kb, 100'000, 256 * k_kb, 1 * k_mb,
                                                (k_sanitized ? 2 : 64) * k_mb};
  std::atomic<bool> over{false};
  std::atomic<int> dives{0};
  in_goroutine([&] {
    goro::wait_group ended;
    ended.go([&] {
      auto rng = goro_test::make_rng();
      while (!over) {
        goro::set_max_stack(k_limits[static_cast<std::size_t>(goro_test::pick(rng, 0, k_limits.size() - 1))]);
        goro::this_goroutine::yield();
      }
    });
    for (int parent = 0; parent < 4; ++parent) {
      ended.go([&] {
        while (!over) {
          goro::wait_group children;
          for (int i = 0; i < 20; ++i) {
            children.go([&] {
              expect_intact(dive<k_kb>(30 * k_kb, [] { goro::this_goroutine::yield(); }));
              ++dives;
            });
          }
          children.wait();
        }
      });
    }
    goro::sleep_for(400ms);
    // A sanitizer makes a fiber for each child, which takes milliseconds.
    EXPECT_TRUE(goro_test::eventually([&] { return dives > 80; }));
    over = true;
    ended.wait();
  });
}

// By which a recursion that does not know how deep it goes can stop in time.
[[gnu::noinline]] std::size_t recurse_while_there_is_room() {
  std::array<volatile char, 512> frame;
  frame[0] = 1;
  if (goro::this_goroutine::stack_remaining() < 64 * k_kb) return 1;
  return recurse_while_there_is_room() + static_cast<std::size_t>(frame[0]);
}

TEST_P(Stacks, stack_remaining_tells_how_far_it_is_to_the_end) {
  constexpr std::size_t k_size = 1 * k_mb;
  goro::wait_group ended;
  ended.add();
  goro::go(goro::go_options{}.stack(k_size), [&] {
    const std::size_t at_first = goro::this_goroutine::stack_remaining();
    EXPECT_GE(at_first, k_size - 16 * k_kb);
    EXPECT_LE(at_first, k_size + k_size / 16);
    std::size_t deeper = 0;
    const auto r = dive<k_kb>(512 * k_kb, [&] { deeper = goro::this_goroutine::stack_remaining(); });
    EXPECT_LE(deeper, at_first - 512 * k_kb);
    EXPECT_GE(deeper + r.bytes + 16 * k_kb, at_first);
    EXPECT_GT(recurse_while_there_is_room(), 100U);
    EXPECT_EQ(goro::this_goroutine::stack_remaining(), at_first) << "and back again";
    ended.done();
  });
  ended.wait();
  std::thread([] {  // which asks the system each time, so this goes down in few steps
    const std::size_t at_first = goro::this_goroutine::stack_remaining();
    std::size_t deeper = 0;
    expect_intact(dive<16 * k_kb>(128 * k_kb, [&] { deeper = goro::this_goroutine::stack_remaining(); }));
    EXPECT_LE(deeper + 128 * k_kb, at_first);
    EXPECT_GT(deeper, 0U);
  })
      .join();
}

}  // namespace
