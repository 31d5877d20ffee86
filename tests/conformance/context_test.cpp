// CTX-01 to 16: contexts.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <goro/goro.hpp>

#include "support/fixture.hpp"
#include "support/panic_text.hpp"
#include "support/seed.hpp"

namespace {

using goro_test::eventually;
using goro_test::in_goroutine;
using goro_test::panic_text;
using namespace std::chrono_literals;

struct Context : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, Context, goro_test::all_procs());

bool is_done(const goro::context& c) { return c.done() && c.done().try_recv().error() == goro::errc::closed; }
std::error_code code(int n) { return {n, std::generic_category()}; }

TEST_P(Context, CTX_01_background_is_never_done) {
  const goro::context c = goro::background();
  EXPECT_FALSE(c.done());
  EXPECT_FALSE(c.err());
  EXPECT_FALSE(c.cause());
  EXPECT_FALSE(c.deadline());
  const goro::context_key<int> key;
  EXPECT_EQ(c.value(key), nullptr);
}

TEST_P(Context, CTX_01_contexts_print_their_derivation) {
  const auto [a, cancel_a] = goro::with_cancel(goro::background());
  const auto [b, cancel_b] = goro::with_timeout(a, 1h);
  const goro::context_key<int> key;
  std::ostringstream out;
  out << goro::background() << ' ' << a << ' ' << goro::with_value(b, key, 1);
  EXPECT_EQ(out.str(),
            "context.Background context.Background.WithCancel "
            "context.Background.WithCancel.WithDeadline.WithValue");
}

TEST_P(Context, CTX_02_cancel_closes_done_and_the_first_decides) {
  in_goroutine([] {
    const auto [c, cancel] = goro::with_cancel(goro::background());
    EXPECT_FALSE(c.err());
    EXPECT_EQ(c.done().try_recv().error(), goro::errc::would_block);
    std::vector<std::jthread> threads;
    goro::wait_group ended;
    for (int i = 1; i <= 8; ++i) ended.go([&cancel = cancel, i] { cancel(code(i)); });
    ended.wait();
    EXPECT_TRUE(is_done(c));
    EXPECT_EQ(c.err(), goro::errc::canceled);
    EXPECT_EQ(c.err(), std::errc::operation_canceled);
    EXPECT_EQ(c.err().message(), "context canceled");
    const std::error_code first = c.cause();
    EXPECT_EQ(first.category(), std::generic_category());
    cancel(code(99));
    cancel();
    EXPECT_EQ(c.cause(), first);
  });
}

TEST_P(Context, CTX_03_done_is_the_same_channel_at_each_call) {
  const auto [c, cancel] = goro::with_cancel(goro::background());
  const auto before = c.done();
  EXPECT_EQ(before, c.done());
  cancel();
  EXPECT_EQ(before, c.done());
}

TEST_P(Context, CTX_04_all_that_derive_are_done_when_cancel_returns) {
  in_goroutine([] {
    const auto [root, cancel_root] = goro::with_cancel(goro::background());
    const auto [parent, cancel_parent] = goro::with_cancel(root);
    const auto [sibling, cancel_sibling] = goro::with_cancel(root);
    std::vector<goro::cancellable_context> below;
    goro::context last = parent;
    for (int i = 0; i != 100; ++i) {
      below.push_back(i % 2 == 0 ? goro::with_cancel(last) : goro::with_timeout(parent, 1h));
      if (i % 10 == 0) last = below.back().ctx;
    }
    cancel_parent(code(7));
    for (const auto& b : below) {
      EXPECT_TRUE(is_done(b.ctx));
      EXPECT_EQ(b.ctx.err(), goro::errc::canceled);
      EXPECT_EQ(b.ctx.cause(), code(7));
    }
    EXPECT_FALSE(root.err());
    EXPECT_FALSE(sibling.err());
  });
}

TEST_P(Context, CTX_05_a_child_of_a_cancelled_parent_is_born_cancelled) {
  const auto [parent, cancel] = goro::with_cancel(goro::background());
  cancel(code(3));
  const auto [child, cancel_child] = goro::with_timeout(parent, 1h);
  EXPECT_TRUE(is_done(child));
  EXPECT_EQ(child.err(), goro::errc::canceled);
  EXPECT_EQ(child.cause(), code(3));
}

TEST_P(Context, CTX_06_the_earlier_deadline_counts) {
  const auto far_off = goro::clock::now() + 2h;
  const auto near_by = goro::clock::now() + 1h;
  const auto [outer, cancel_outer] = goro::with_deadline(goro::background(), near_by);
  const auto [later, cancel_later] = goro::with_deadline(outer, far_off);
  EXPECT_EQ(later.deadline(), near_by);
  const auto [wide, cancel_wide] = goro::with_deadline(goro::background(), far_off);
  const auto [inner, cancel_inner] = goro::with_deadline(wide, near_by);
  EXPECT_EQ(inner.deadline(), near_by);
  EXPECT_EQ(wide.deadline(), far_off);
  const auto [plain, cancel_plain] = goro::with_cancel(inner);
  EXPECT_EQ(plain.deadline(), near_by);
}

TEST_P(Context, CTX_07_expiry_gives_timed_out) {
  in_goroutine([] {
    const auto start = goro::clock::now();
    const auto [c, cancel] = goro::with_timeout(goro::background(), 5ms);
    c.done().recv();
    EXPECT_GE(goro::clock::now() - start, 5ms);
    EXPECT_EQ(c.err(), goro::errc::timed_out);
    EXPECT_EQ(c.err(), std::errc::timed_out);
    const auto [past, cancel_past] = goro::with_deadline(goro::background(), goro::clock::now() - 1s);
    EXPECT_TRUE(is_done(past));
    EXPECT_EQ(past.err(), goro::errc::timed_out);
    const auto [early, cancel_early] = goro::with_timeout(goro::background(), 1h);
    cancel_early();
    EXPECT_EQ(early.err(), goro::errc::canceled);
  });
}

TEST_P(Context, CTX_08_a_cancelled_child_is_detached_and_its_timer_freed) {
  in_goroutine([] {
    const auto [parent, cancel] = goro::with_cancel(goro::background());
    const auto work = [&parent = parent] {
      for (int i = 0; i != 2'000; ++i) {
        const auto [child, cancel_child] = goro::with_timeout(parent, 1h);
        cancel_child();
        const auto [forgotten, cancel_at_the_end] = goro::with_timeout(parent, 1h);
      }
    };
    work();
    const std::size_t before = goro_test::resident_kb();
    for (int round = 0; round != 10; ++round) work();
    if (goro_test::memory_is_ours()) {
      EXPECT_LT(goro_test::resident_kb(), before + 4096);
    }
  });
}

TEST_P(Context, CTX_09_cause_is_what_the_first_cancel_gave) {
  in_goroutine([] {
    const auto [a, cancel_a] = goro::with_cancel(goro::background());
    EXPECT_FALSE(a.cause());
    cancel_a();
    EXPECT_EQ(a.cause(), goro::errc::canceled);
    const auto [b, cancel_b] = goro::with_timeout(goro::background(), 1ms, code(5));
    b.done().recv();
    EXPECT_EQ(b.cause(), code(5));
    EXPECT_EQ(b.err(), goro::errc::timed_out);
    const auto [c, cancel_c] = goro::with_timeout(goro::background(), 1h, code(5));
    cancel_c();
    EXPECT_EQ(c.cause(), goro::errc::canceled) << "the cause of a timeout is for its expiry only";
  });
}

TEST_P(Context, CTX_10_without_cancel_keeps_the_values_only) {
  const goro::context_key<int> key;
  const auto [parent, cancel] = goro::with_timeout(goro::background(), 1h);
  const goro::context c = goro::without_cancel(goro::with_value(parent, key, 4));
  cancel();
  EXPECT_EQ(*c.value(key), 4);
  EXPECT_FALSE(c.done());
  EXPECT_FALSE(c.err());
  EXPECT_FALSE(c.cause());
  EXPECT_FALSE(c.deadline());
  const auto [child, cancel_child] = goro::with_cancel(c);
  EXPECT_FALSE(child.err());
}

TEST_P(Context, CTX_11_after_func_runs_once_in_its_own_goroutine) {
  in_goroutine([] {
    const auto [c, cancel] = goro::with_cancel(goro::background());
    const goro::chan<goro::goroutine_id> ran;
    const auto stop = goro::after_func(c, [=] { ran.send(goro::this_goroutine::id()); });
    EXPECT_FALSE(ran.try_recv());
    cancel();  // does not wait: nobody receives yet
    EXPECT_NE(ran.recv().value(), goro::this_goroutine::id());
    cancel();
    EXPECT_EQ(ran.try_recv_for(2ms).error(), goro::errc::timed_out);
    EXPECT_FALSE(stop());
    // At once if it is done already.
    goro::after_func(c, [=] { ran.send(0); });
    EXPECT_EQ(ran.recv(), 0U);
  });
}

TEST_P(Context, CTX_12_stop_tells_whether_it_prevented_the_run) {
  in_goroutine([] {
    const auto [c, cancel] = goro::with_cancel(goro::background());
    std::atomic<int> ran{0};
    const auto stop = goro::after_func(c, [&] { ++ran; });
    EXPECT_TRUE(stop());
    EXPECT_FALSE(stop());
    cancel();
    const auto never = goro::after_func(goro::background(), [&] { ++ran; });
    EXPECT_TRUE(never());
    EXPECT_FALSE(never());
    goro::sleep_for(2ms);
    EXPECT_EQ(ran, 0);
  });
}

TEST_P(Context, CTX_13_value_finds_the_nearest_binding) {
  const goro::context_key<int> number;
  const goro::context_key<int> another;
  const goro::context_key<std::string> text;
  goro::context c = goro::with_value(goro::background(), number, 1);
  c = goro::with_value(c, text, "text");
  const auto [child, cancel] = goro::with_cancel(c);
  const goro::context shadowed = goro::with_value(child, number, 2);
  EXPECT_EQ(*c.value(number), 1);
  EXPECT_EQ(*shadowed.value(number), 2);
  EXPECT_EQ(*shadowed.value(text), "text");
  EXPECT_EQ(shadowed.value(another), nullptr);
  cancel();
  EXPECT_EQ(*shadowed.value(number), 2);
}

TEST_P(Context, CTX_14_a_nil_parent_panics) {
  goro::context c = goro::background();
  const goro::context moved = std::move(c);
  const goro::context_key<int> key;
  const char* const text = "cannot create context from nil parent";
  EXPECT_EQ(panic_text([&] { (void)goro::with_cancel(c); }), text);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(panic_text([&] { (void)goro::with_timeout(c, 1s); }), text);
  EXPECT_EQ(panic_text([&] { (void)goro::with_value(c, key, 1); }), text);
  EXPECT_EQ(panic_text([&] { (void)goro::without_cancel(c); }), text);
  EXPECT_FALSE(moved.err());
}

TEST_P(Context, CTX_15_deriving_starts_no_goroutine) {
  in_goroutine([] {
    const std::size_t before = goro::goroutine_count();
    std::vector<goro::cancellable_context> all;
    goro::context parent = goro::background();
    for (int i = 0; i != 100; ++i) {
      all.push_back(i % 2 == 0 ? goro::with_cancel(parent) : goro::with_timeout(parent, 1h));
      parent = all.back().ctx;
    }
    EXPECT_EQ(goro::goroutine_count(), before);
  });
}

TEST_P(Context, CTX_16_cancels_from_everywhere_never_deadlock) {
  in_goroutine([] {
    for (int round = 0; round != 20; ++round) {
      const auto [root, cancel_root] = goro::with_cancel(goro::background());
      std::vector<goro::cancellable_context> all;
      auto rng = goro_test::make_rng(static_cast<std::uint64_t>(round));
      for (int i = 0; i != 50; ++i) {
        const goro::context& parent =
            all.empty()
                ? root
                : all[static_cast<std::size_t>(goro_test::pick(rng, 0, static_cast<int>(all.size()) - 1))]
                      .ctx;
        all.push_back(goro::with_cancel(parent));
      }
      goro::wait_group ended;
      for (std::size_t i = 0; i < all.size(); ++i) {
        ended.go([&, i] {  // reacts to one by cancelling another
          all[i].ctx.done().recv();
          all[(i * 7) % all.size()].cancel();
        });
      }
      ended.go([&] { all[3].cancel(); });
      ended.go([&] { all[40].cancel(); });
      cancel_root();
      ended.wait();
      for (const auto& c : all) EXPECT_TRUE(c.ctx.err());
    }
  });
}

TEST_P(Context, a_chain_of_100000_is_cancelled_and_destroyed) {
  in_goroutine([] {
    std::vector<goro::cancel_func> cancels;
    goro::context last = goro::background();
    for (int i = 0; i != 100'000; ++i) {
      auto [c, cancel] = goro::with_cancel(last);
      last = c;
      if (i == 0) cancels.push_back(cancel);
      // The other handles go: each is cancelled at once, so only the first ...
      if (i != 0) cancels.push_back(std::move(cancel));
    }
    cancels[0](code(1));
    EXPECT_EQ(last.cause(), code(1));
  });
}

TEST_P(Context, the_last_cancel_func_that_goes_cancels) {
  goro::context kept = goro::background();
  {
    auto [c, cancel] = goro::with_cancel(goro::background());
    kept = c;
    const goro::cancel_func copy = cancel;
    {
      const goro::cancel_func moved = std::move(cancel);
    }
    EXPECT_FALSE(kept.err());
  }
  EXPECT_EQ(kept.err(), goro::errc::canceled);
}

}  // namespace
