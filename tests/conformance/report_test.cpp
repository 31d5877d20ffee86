// DIAG-04 and 05: what a dump says of a goroutine that waits.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <regex>
#include <shared_mutex>
#include <sstream>
#include <string>

#include <goro/diag.hpp>
#include <goro/goro.hpp>

#include "diag/census.hpp"
#include "sched/goroutine.hpp"
#include "sched/labels.hpp"
#include "stack/parked.hpp"
#include "stack/shrink.hpp"
#include "support/fixture.hpp"

namespace {

using goro_test::all_park;
using goro_test::eventually;
using goro_test::go_named;
using goro_test::in_goroutine;
using goro_test::info_of;
using goro_test::state_of;
using namespace std::chrono_literals;

struct Report : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, Report, goro_test::all_procs());

std::string dump() {
  std::ostringstream out;
  goro::diag::dump_goroutines(out);
  return out.str();
}

// What stands between the brackets of the one of that name.
std::string reason_of(const std::string& name) {
  const std::string text = dump();
  const std::size_t at = text.find("\"" + name + "\" [");
  if (at == text.npos) return "(not there)\n" + text;
  const std::size_t begin = text.find('[', at) + 1;
  return text.substr(begin, text.find("]:\n", begin) - begin);
}

// As Go 1.26 does with GODEBUG=tracebacklabels=1.
TEST_P(Report, DIAG_04_labels_stand_behind_what_it_waits_for) {
  const goro::chan<int> never;
  std::weak_ptr<const goro::goroutine_labels> set;
  in_goroutine([&] {
    goro::wait_group ended;
    const auto wait = [&] {
      never.recv();
      ended.done();
    };
    ended.add(4);
    goro::go(goro::go_options{}.name("one").label("request", "4\"2").label("step", "x"), [&] {
      set = goro::detail::own_labels();
      wait();
    });
    goro::go(goro::go_options{}.name("no \"label\"\n"), [&] { wait(); });
    for (int i = 0; i != 2; ++i)
      goro::go(goro::go_options{}.name("several").label("i", std::to_string(i)), [&] { wait(); });
    ASSERT_TRUE(all_park("one") && all_park("no \"label\"\n") && all_park("several", 2));
    const std::string text = dump();
    EXPECT_NE(text.find(R"("one" [chan receive] {"request":"4\"2", "step":"x"}:)"
                        "\n"),
              text.npos)
        << text;
    EXPECT_NE(text.find(R"("no \"label\"\x0a" [chan receive]:)"
                        "\n"),
              text.npos)
        << text;
    EXPECT_TRUE(std::regex_search(
        text,
        std::regex(
            R"(\n2 goroutines \[chan receive\]: \d+ "several" \{"i":"0"\}, \d+ "several" \{"i":"1"\}\n)")))
        << text;
    for (const char* filter : {R"("step":"X")", "\"i\":\"1\""}) {
      EXPECT_EQ(goro::detail::take_census(filter).matching, 1U) << filter;
      EXPECT_EQ(goro::detail::take_stack_census(filter).matching, 1U) << filter;
      EXPECT_EQ(goro::detail::list_goroutines(filter, 9).goroutines.size(), 1U) << filter;
    }
    never.close();
    ended.wait();
  });
  EXPECT_TRUE(eventually([&] { return set.expired(); })) << "their memory is not given back";
}

TEST_P(Report, DIAG_05_the_dump_names_the_operation) {
  const goro::chan<int> c;
  goro::mutex m;
  goro::shared_mutex rw;
  goro::shared_mutex read;
  goro::condition_variable cond;
  bool go_on = false;
  goro::wait_group ended;
  const auto start = [&](const char* reason, const std::function<void()>& f) {
    ended.add();
    go_named(reason, [&ended, f] {
      const goro::scope_exit done([&] { ended.done(); });
      f();
    });
    EXPECT_TRUE(all_park(reason)) << reason;
    EXPECT_EQ(reason_of(reason), reason);
  };
  m.lock();
  rw.lock();
  read.lock_shared();
  start("chan receive", [c] { c.recv(); });
  start("select", [c] {
    goro::recv_case got{c};
    goro::select(got);
  });
  start("sync.Mutex.Lock", [&] { const std::lock_guard held(m); });
  start("sync.RWMutex.RLock", [&] { const std::shared_lock held(rw); });
  start("sync.RWMutex.Lock", [&] { const std::lock_guard held(read); });
  start("sync.Cond.Wait", [&] {
    goro::mutex own;
    std::unique_lock<goro::mutex> held(own);
    cond.wait(held, [&] { return go_on; });
  });
  const goro::chan<int> full;
  start("chan send", [full] { full.send(1); });
  c.close();
  m.unlock();
  rw.unlock();
  read.unlock_shared();
  go_on = true;
  cond.notify_all();
  full.recv();
  ended.wait();
}

TEST_P(Report, DIAG_05_those_who_wait_for_nothing) {
  // With a number: those of the tests before are still there, and stand in the same place.
  const auto name = [this](const std::string& reason) { return reason + " " + std::to_string(procs()); };
  go_named(name("chan receive (nil chan)"), [] { goro::chan<int>{nullptr}.recv(); });
  go_named(name("chan send (nil chan)"), [] { goro::chan<int>{nullptr}.send(1); });
  go_named(name("select (no cases)"), [] { goro::block_forever(); });
  leaves_blocked(3);
  for (const std::string reason : {"chan receive (nil chan)", "chan send (nil chan)", "select (no cases)"}) {
    EXPECT_TRUE(all_park(name(reason)));
    EXPECT_TRUE(eventually([&] {
      const std::string all = dump();
      const std::size_t at = all.find("\"" + name(reason) + "\"");
      const std::size_t line = all.rfind('\n', at) + 1;
      return at != all.npos &&
             all.substr(line, all.find('\n', at) - line).find("[" + reason + "]:") != all.npos;
    })) << reason;
  }
}

// As if a look at the parked ones had found it so long ago.
void let_pass(goro::goroutine_id id, std::uint32_t seconds) {
  goro::detail::trim_parked_stacks();
  struct request {
    goro::goroutine_id id;
    std::uint32_t seconds;
  } wanted{.id = id, .seconds = seconds};
  const auto visit = [](goro::detail::goroutine& g, void* arg) {
    const auto& w = *static_cast<request*>(arg);
    if (g.id.load() == w.id) g.noticed.fetch_sub(w.seconds);
  };
  goro::detail::for_each_descriptor(visit, &wanted);
}

TEST_P(Report, DIAG_04_long_waits_are_told_in_minutes) {
  const goro::chan<int> c;
  go_named("waits long", [c] {
    c.recv();
    c.recv();
  });
  EXPECT_TRUE(all_park("waits long"));
  const auto id = info_of("waits long").id;
  EXPECT_EQ(reason_of("waits long"), "chan receive");
  let_pass(id, 61);
  EXPECT_EQ(reason_of("waits long"), "chan receive, 1 minute");
  let_pass(id, 125);
  EXPECT_EQ(reason_of("waits long"), "chan receive, 3 minutes");
  EXPECT_GE(info_of("waits long").waiting, 186s);
  c.send(1);  // which begins another wait
  EXPECT_TRUE(eventually([] { return reason_of("waits long") == "chan receive"; }));
  EXPECT_LT(info_of("waits long").waiting, 60s);
  c.close();
  EXPECT_TRUE(eventually([this] { return alive() == 0; }));
}

TEST_P(Report, DIAG_04_the_stack_of_one) {
  in_goroutine([] {
    const goro::chan<int> c;
    go_named("parked", [c] {
      c.recv();
      asm volatile("");
    });
    EXPECT_TRUE(all_park("parked"));
    const std::string stack = goro::diag::stack_of(info_of("parked").id);
    EXPECT_NE(stack.find("report_test.cpp:"), stack.npos) << stack;
    EXPECT_EQ(stack.find("goro::detail::"), stack.npos) << stack;
    const std::string own = goro::diag::stack_of(goro::this_goroutine::id());
    EXPECT_NE(own.find("report_test.cpp:"), own.npos) << own;
    EXPECT_EQ(goro::diag::stack_of(0), "");
    c.close();
  });
}

// A goroutine that only yields is seen now and then between two turns.
TEST_P(Report, DIAG_04_also_those_that_are_about_to_run_have_a_stack) {
  in_goroutine([] {
    std::atomic<bool> over{false};
    goro::wait_group ended;
    ended.go([&] {
      while (!over) goro::this_goroutine::yield();
    });
    const std::string mine = goro::diag::stack_of(goro::this_goroutine::id());
    EXPECT_NE(mine, "");
    over = true;
    ended.wait();
  });
}

}  // namespace
