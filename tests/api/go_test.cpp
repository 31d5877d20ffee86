// go.hpp beyond the numbered behaviours: options, arguments, closures of odd kinds, run, errno.
#include <gtest/gtest.h>

#include <csignal>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <goro/diag.hpp>
#include <goro/goro.hpp>

#include "support/fixture.hpp"
#include "support/panic_text.hpp"
#include "support/tracked.hpp"

namespace {

using goro_test::in_goroutine;
using namespace std::chrono_literals;

struct Go : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, Go, goro_test::all_procs());

TEST_P(Go, options_name_the_goroutine) {
  goro::chan<std::string> names;
  const auto tell = [names] { names.send(std::string(goro::this_goroutine::name())); };
  goro::go(goro::go_options{}.name("writer").stack(1 << 20), tell);
  EXPECT_EQ(names.recv(), "writer");
  goro::go_options options;
  options.name("a name that is too long for any small buffer inside of a descriptor");
  EXPECT_EQ(options.name(), "a name that is too long for any small buffer inside of a descriptor");
  goro::go(options, tell);
  EXPECT_EQ(names.recv(), options.name());
  goro::go(tell);
  EXPECT_EQ(names.recv(), "");
}

TEST_P(Go, a_descriptor_that_is_used_again_does_not_keep_its_name) {
  in_goroutine([] {
    for (int i = 0; i < 200; ++i) {
      goro::wait_group ended;
      ended.add();
      goro::go(goro::go_options{}.name("named"), [&] {
        EXPECT_EQ(goro::this_goroutine::name(), "named");
        ended.done();
      });
      ended.go([] { EXPECT_EQ(goro::this_goroutine::name(), ""); });
      ended.wait();
    }
  });
}

TEST_P(Go, any_number_of_arguments) {
  in_goroutine([] {
    goro::chan<int> sum;
    goro::go([sum](int a) { sum.send(a); }, 1);
    EXPECT_EQ(sum.recv(), 1);
    goro::go([sum](int a, int b) { sum.send(a + b); }, 1, 2);
    EXPECT_EQ(sum.recv(), 3);
    goro::go([sum](int a, int b, int c) { sum.send(a + b + c); }, 1, 2, 3);
    EXPECT_EQ(sum.recv(), 6);
    goro::go([sum](auto... all) { sum.send((0 + ... + all)); }, 1, 2, 3, 4, 5, 6, 7, 8);
    EXPECT_EQ(sum.recv(), 36);
    goro::go(goro::go_options{}.name("n"), [sum](auto... all) { sum.send((0 + ... + all)); });
    EXPECT_EQ(sum.recv(), 0);
    goro::go(goro::go_options{}, [sum](auto... all) { sum.send((0 + ... + all)); }, 1, 2, 3, 4);
    EXPECT_EQ(sum.recv(), 10);
  });
}

TEST_P(Go, arguments_decay_and_arrive_as_rvalues_references_by_std_ref) {
  in_goroutine([] {
    const goro::chan<std::string> out;
    const char text[] = "an array";
    goro::go([out](const char* p) { out.send(p); }, text);
    EXPECT_EQ(out.recv(), "an array");
    int referred = 0;
    const goro::chan<goro::unit> done;
    goro::go(
        [done](int& r, std::string&& s) {
          r = static_cast<int>(s.size());
          done.send({});
        },
        std::ref(referred), std::string("four"));
    done.recv();
    EXPECT_EQ(referred, 4);
  });
}

// What go() must refuse at compile time.
template <class... Args>
concept can_go = requires(Args... args) { goro::go(args...); };
static_assert(can_go<void (*)()> && can_go<void (*)(int), long> &&
              can_go<void (*)(int, int, int, int), int, int, int, int>);
static_assert(!can_go<int> && !can_go<void (*)(int)> && !can_go<void (*)(int), std::string>);
static_assert(!can_go<void (*)(), int> && !can_go<void (*)(), int, int, int> &&
              !can_go<goro::go_options, int>);

TEST_P(Go, large_and_over_aligned_closures) {
  in_goroutine([] {
    struct alignas(256) aligned {
      int value;
    };
    goro::wait_group ended;
    for (int i = 0; i < 20; ++i) {
      std::array<int, 4000> words{};
      words.fill(i);
      const aligned a{i};
      ended.go([words, a, i] {
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&a) % 256, 0U);
        EXPECT_EQ(a.value, i);
        for (const int w : words) ASSERT_EQ(w, i);
      });
    }
    ended.wait();
  });
}

struct throws_when_copied {
  throws_when_copied() = default;
  throws_when_copied(const throws_when_copied&) { throw std::runtime_error("no copy"); }
  void operator()() const { ADD_FAILURE() << "was started"; }
};

TEST_P(Go, a_copy_that_throws_reaches_the_caller_and_nothing_is_started) {
  in_goroutine([this] {
    const throws_when_copied f;
    goro_test::tally t;
    for (int i = 0; i < 100; ++i) {
      EXPECT_THROW(goro::go(f), std::runtime_error);
      EXPECT_THROW(
          goro::go([](const goro_test::tracked&, const throws_when_copied&) {}, goro_test::tracked(t, 1), f),
          std::runtime_error);
    }
    EXPECT_EQ(alive(), 1U);
    EXPECT_EQ(t.alive(), 0);
  });
}

TEST_P(Go, wait_group_go_whose_copy_throws_does_not_count) {
  in_goroutine([] {
    goro::wait_group wg;
    const throws_when_copied f;
    EXPECT_THROW(wg.go(f), std::runtime_error);
    const bool at_zero = wg.wait_for(10ms);
    EXPECT_TRUE(at_zero) << "the count of a goroutine that never started";
    if (!at_zero) wg.done();
  });
}

TEST_P(Go, goroutines_start_goroutines) {
  in_goroutine([] {
    std::atomic<int> leaves{0};
    goro::wait_group ended;
    std::function<void(int)> tree = [&](int depth) {
      if (depth == 0) {
        ++leaves;
        return;
      }
      ended.go([&, depth] { tree(depth - 1); });
      ended.go([&, depth] { tree(depth - 1); });
    };
    constexpr int k_depth = goro_test::k_tsan ? 8 : 10;
    tree(k_depth);
    ended.wait();
    EXPECT_EQ(leaves, 1 << k_depth);
  });
}

// The compiler takes errno's address for a constant of the function, which it is not in a function that
// parks.
[[gnu::noinline]] int errno_now() {
  asm volatile("");
  return errno;
}
[[gnu::noinline]] void set_errno(int e) {
  asm volatile("");
  errno = e;
}

TEST_P(Go, errno_belongs_to_the_goroutine) {
  in_goroutine([] {
    goro::wait_group ended;
    for (int g = 1; g <= 50; ++g) {
      ended.go([g] {
        for (int i = 0; i < 20; ++i) {
          set_errno(g);
          i % 2 == 0 ? goro::this_goroutine::yield() : goro::sleep_for(10us);
          ASSERT_EQ(errno_now(), g);
        }
      });
    }
    ended.wait();
  });
}

TEST_P(Go, block_forever_shows_in_a_dump) {
  goro_test::go_named("blocked", [] { goro::block_forever(); });
  leaves_blocked(1);
  EXPECT_TRUE(goro_test::all_park("blocked"));
  EXPECT_EQ(goro_test::state_of("blocked"), "select (no cases)");
}

int seven() { return 7; }

TEST_P(Go, run_returns_what_its_function_returns) {
  EXPECT_EQ(goro::run([] {}), 0);
  EXPECT_EQ(goro::run([] { return 42; }), 42);
  EXPECT_EQ(goro::run(seven), 7);
  EXPECT_EQ(goro::run(&seven), 7);
  EXPECT_EQ(goro::run([] { return true; }), 1);
  EXPECT_EQ(goro::run([p = std::make_unique<int>(7)] { return *p; }), 7);
  auto lvalue = [n = 0]() mutable { return ++n; };
  EXPECT_EQ(goro::run(lvalue), 1);
  EXPECT_EQ(goro::run(lvalue), 2);
  EXPECT_EQ(goro::run(goro::run_options{}.max_procs(procs() + 1), [] { return goro::max_procs(); }),
            procs() + 1);
  goro::set_max_procs(procs());
}

TEST_P(Go, run_inside_a_goroutine_panics) {
  in_goroutine([] { EXPECT_NE(goro_test::panic_text([] { goro::run([] { return 1; }); }), "no panic"); });
}

TEST_P(Go, run_does_not_wait_for_others) {
  const goro::chan<int> gate;
  EXPECT_EQ(goro::run([&] {
              goro_test::go_named("other", [gate] { gate.recv(); });
              return 3;
            }),
            3);
  EXPECT_TRUE(goro_test::all_park("other"));
  gate.send(1);
}

TEST_P(Go, started_from_many_threads_at_once) {
  std::atomic<int> ran{0};
  const int n = goro_test::repetitions(2000);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&] {
        goro::wait_group ended;
        for (int i = 0; i < n; ++i) ended.go([&] { ++ran; });
        ended.wait();
      });
    }
  }
  EXPECT_EQ(ran, 8 * n);
}

TEST(Machines, have_the_signal_mask_of_the_program) {
  sigset_t here;
  sigset_t there;
  ASSERT_EQ(::pthread_sigmask(SIG_SETMASK, nullptr, &here), 0);
  goro_test::in_goroutine([&] { ASSERT_EQ(::pthread_sigmask(SIG_SETMASK, nullptr, &there), 0); });
  for (int s = 1; s < NSIG; ++s) EXPECT_EQ(sigismember(&here, s), sigismember(&there, s)) << s;
}

}  // namespace
