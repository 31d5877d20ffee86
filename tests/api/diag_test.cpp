// diag.hpp and runtime.hpp: what the runtime says of itself.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <goro/diag.hpp>
#include <goro/goro.hpp>

#include "support/fixture.hpp"

namespace {

using goro_test::all_park;
using goro_test::eventually;
using goro_test::go_named;
using goro_test::in_goroutine;
using goro_test::info_of;
using goro_test::state_of;
using namespace std::chrono_literals;

struct Diag : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, Diag, goro_test::all_procs());

TEST_P(Diag, DIAG_05_wait_reasons_name_the_operation) {
  const goro::chan<int> c;
  goro::mutex m;
  m.lock();
  goro::wait_group wg;
  wg.add();
  goro::wait_group users;  // of what lives here
  users.add(2);
  go_named("receives", [c] { c.recv(); });
  go_named("receives for a while", [c] { (void)c.try_recv_for(1h); });
  go_named("locks", [&] {
    m.lock();
    m.unlock();
    users.done();
  });
  go_named("waits", [&] {
    wg.wait();
    users.done();
  });
  const goro::chan<int> full{1};
  full.send(0);
  go_named("sends", [full] { full.send(1); });
  go_named("sleeps", [] { goro::sleep_for(300ms); });
  for (const char* name : {"receives", "receives for a while", "locks", "waits", "sends", "sleeps"}) {
    EXPECT_TRUE(all_park(name)) << name;
  }
  EXPECT_EQ(state_of("receives"), "chan receive");
  EXPECT_EQ(state_of("receives for a while"), "chan receive");
  EXPECT_EQ(state_of("sends"), "chan send");
  EXPECT_EQ(state_of("locks"), "sync.Mutex.Lock");
  EXPECT_EQ(state_of("sleeps"), "sleep");
  EXPECT_EQ(state_of("waits"), "semacquire");
  c.close();
  m.unlock();
  wg.done();
  full.recv();
  users.wait();
  EXPECT_TRUE(eventually([this] { return alive() == 0; }));
}

TEST_P(Diag, DIAG_05_nil_channels_are_told_apart) {
  go_named("receives from nil", [] { goro::chan<int>{nullptr}.recv(); });
  go_named("sends to nil", [] { goro::chan<int>{nullptr}.send(1); });
  leaves_blocked(2);
  EXPECT_TRUE(all_park("receives from nil") && all_park("sends to nil"));
  EXPECT_EQ(state_of("receives from nil"), "chan receive (nil chan)");
  EXPECT_EQ(state_of("sends to nil"), "chan send (nil chan)");
}

TEST_P(Diag, goroutines_tells_who_started_whom_and_where) {
  in_goroutine([] {
    const goro::chan<int> gate;
    const goro::goroutine_id self = goro::this_goroutine::id();
    const int line = __LINE__ + 1;
    goro::go(goro::go_options{}.name("child"), [gate] { gate.recv(); });
    EXPECT_TRUE(all_park("child"));
    const auto child = info_of("child");
    EXPECT_NE(child.id, 0U);
    EXPECT_NE(child.id, self);
    EXPECT_EQ(child.creator, self);
    EXPECT_NE(child.created_at.find("diag_test.cpp:" + std::to_string(line)), std::string::npos)
        << child.created_at;
    EXPECT_EQ(info_of("test body").state, "running");
    EXPECT_EQ(info_of("test body").creator, 0U);
    gate.close();
  });
}

TEST_P(Diag, the_place_of_creation_is_known_for_every_way_to_start) {
  const goro::chan<int> gate;
  goro::wait_group wg;
  const int first = __LINE__ + 1;
  goro::go([gate] { gate.recv(); });
  goro::go([gate](int) { gate.recv(); }, 1);
  goro::go([gate](int, int) { gate.recv(); }, 1, 2);
  goro::go([gate](int, int, int) { gate.recv(); }, 1, 2, 3);
  wg.go([gate] { gate.recv(); });
  const int last = __LINE__ - 1;
  EXPECT_TRUE(eventually([] { return goro::goroutine_count() >= 5; }));
  const auto all = goro::diag::goroutines();
  for (int line = first; line <= last; ++line) {
    const std::string place = "diag_test.cpp:" + std::to_string(line);
    EXPECT_TRUE(std::any_of(all.begin(), all.end(), [&](const auto& g) {
      return g.created_at.find(place) != std::string::npos;
    })) << place;
  }
  gate.close();
  wg.wait();
}

TEST_P(Diag, dump_has_gos_shape) {
  const goro::chan<int> gate;
  go_named("dumped", [gate] { gate.recv(); });
  EXPECT_TRUE(all_park("dumped"));
  std::ostringstream out;
  goro::diag::dump_goroutines(out);
  const std::string id = std::to_string(info_of("dumped").id);
  const std::string dump = out.str();
  const std::size_t at = dump.find("goroutine " + id + " ");
  ASSERT_NE(at, std::string::npos) << dump;
  const std::string first_line = dump.substr(at, dump.find('\n', at) - at);
  EXPECT_NE(first_line.find("[chan receive]:"), std::string::npos) << first_line;
  EXPECT_NE(first_line.find("dumped"), std::string::npos) << first_line;
  EXPECT_NE(dump.find("created at ", at), std::string::npos) << dump;
  gate.close();
}

TEST_P(Diag, looking_while_goroutines_come_and_go) {
  std::set<std::string> names{"", "short-lived", "test body"};
  for (const auto& g : goro::diag::goroutines()) names.insert(g.name);  // of earlier tests
  std::atomic<bool> stop{false};
  std::vector<std::jthread> lookers;
  for (int i = 0; i < 2; ++i) {
    lookers.emplace_back([&] {
      while (!stop) {
        for (const auto& g : goro::diag::goroutines()) {
          EXPECT_NE(g.id, 0U);
          EXPECT_FALSE(g.state.empty());
          EXPECT_TRUE(names.contains(g.name)) << g.name;
        }
        (void)goro::stats();
      }
    });
  }
  in_goroutine([] {
    goro::wait_group ended;
    for (int i = 0; i < goro_test::repetitions(5000); ++i) {
      ended.add();
      goro::go(goro::go_options{}.name("short-lived"), [&] {
        goro::this_goroutine::yield();
        ended.done();
      });
      if (i % 100 == 99) ended.wait();
    }
    ended.wait();
  });
  stop = true;
}

TEST_P(Diag, leak_check_counts_those_started_in_its_scope) {
  in_goroutine([] {
    const goro::chan<int> gate;
    go_named("before", [gate] { gate.recv(); });
    {
      const goro::diag::leak_check check;
      EXPECT_EQ(check.leaked(), 0U);
      go_named("within", [gate] { gate.recv(); });
      go_named("within", [gate] { gate.recv(); });
      EXPECT_EQ(check.leaked(), 2U);
      gate.close();
      EXPECT_TRUE(eventually([&] { return check.leaked() == 0; }));
      go_named("ends late", [] { goro::sleep_for(50ms); });  // the scope's end waits for it
    }
    EXPECT_EQ(state_of("ends late"), "");
  });
}

TEST_P(Diag, DIAG_08_leak_check_lets_those_stay_that_it_is_told_of) {
  in_goroutine([] {
    const goro::chan<int> gate;
    {
      const goro::diag::leak_check check({"pool", "cache"});
      go_named("pool", [gate] { gate.recv(); });
      EXPECT_EQ(check.leaked(), 0U);
      go_named("pool's", [gate] { gate.recv(); });
      EXPECT_EQ(check.leaked(), 1U);
      gate.close();
      EXPECT_TRUE(eventually([&] { return check.leaked() == 0; }));
    }
  });
}

// Who waits for ever, where, and who has started it: what a test, or a user with the dump, needs to know.
[[gnu::noinline]] void waits_for_ever(const goro::chan<int>& gate) {
  gate.recv();
  asm volatile("");  // not the last call
}

TEST_P(Diag, DIAG_08_a_goroutine_that_is_left_behind_can_be_found) {
  in_goroutine([] {
    const std::size_t before = goro::goroutine_count();
    const goro::chan<int> gate;
    go_named("left behind", [gate] { waits_for_ever(gate); });
    EXPECT_TRUE(all_park("left behind"));
    EXPECT_EQ(goro::goroutine_count(), before + 1);
    const goro::diag::goroutine_info info = info_of("left behind");
    EXPECT_EQ(info.state, "chan receive");
    EXPECT_EQ(info.creator, goro::this_goroutine::id());
    EXPECT_NE(info.created_at.find(".hpp:"), std::string::npos) << info.created_at;
    EXPECT_NE(goro::diag::stack_of(info.id).find("waits_for_ever"), std::string::npos)
        << goro::diag::stack_of(info.id);
    gate.close();
  });
}

TEST_P(Diag, counters_count) {
  const auto before = goro::stats();
  in_goroutine([] {
    goro::wait_group ended;
    for (int i = 0; i < 100; ++i) {
      ended.go([] {
        goro::this_goroutine::yield();
        // Who is woken before it has left its stack goes on without a switch: three sleeps for the one that
        // counts.
        for (int k = 0; k < 3; ++k) goro::sleep_for(20ms);
      });
    }
    ended.wait();
  });
  EXPECT_TRUE(eventually([this] { return alive() == 0; }));
  const auto after = goro::stats();
  EXPECT_EQ(after.goroutines_started - before.goroutines_started, 101U);
  EXPECT_EQ(after.goroutines_finished - before.goroutines_finished, 101U);
  EXPECT_GE(after.switches - before.switches, 201U);
  EXPECT_GE(after.yields, before.yields);
  EXPECT_LE(after.yields - before.yields, 100U);
  EXPECT_TRUE(eventually([&] { return goro::stats().timers_fired - before.timers_fired >= 100U; }));
  EXPECT_EQ(after.processors, static_cast<std::uint64_t>(procs()));
  EXPECT_GE(after.machines, 1U);
  EXPECT_GE(after.stack_bytes_reserved, (after.stacks_in_use + after.stacks_cached) * 128 * 1024);
}

// Nor does the P then look as if it moved on, which would keep a second core awake beside it.
TEST_P(Diag, a_yield_that_finds_nobody_is_no_switch) {
  in_goroutine([] {
    const auto before = goro::stats();
    for (int i = 0; i < 1000; ++i) goro::this_goroutine::yield();
    const auto after = goro::stats();
    EXPECT_LT(after.switches - before.switches, 100U);
    EXPECT_LT(after.yields - before.yields, 100U);
  });
}

TEST_P(Diag, set_panic_policy_returns_the_former_one) {
  EXPECT_EQ(goro::set_panic_policy(goro::panic_policy::end_goroutine), goro::panic_policy::end_process);
  EXPECT_EQ(goro::set_panic_policy(goro::panic_policy::end_process), goro::panic_policy::end_goroutine);
}

TEST_P(Diag, set_max_procs_has_a_ceiling) {
  goro::set_max_procs(5000);
  EXPECT_EQ(goro::max_procs(), 1024);
  in_goroutine([] {
    goro::wait_group ended;
    for (int i = 0; i < goro_test::goroutines_at_once(2000); ++i) {
      ended.go([] { goro::this_goroutine::yield(); });
    }
    ended.wait();
  });
  EXPECT_EQ(goro::set_max_procs(procs()), 1024);
}

}  // namespace
