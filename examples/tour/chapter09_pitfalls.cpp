// Chapter 9: pitfalls, each of them shown without falling in.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>

#include <goro/diag.hpp>

#include "tour.hpp"

namespace tour {

namespace {

using namespace std::chrono_literals;

// How many goroutines of that name wait in that state.
std::size_t count_in(const char* name, const char* state) {
  std::size_t n = 0;
  for (const auto& g : goro::diag::goroutines()) n += g.name == name && g.state == state ? 1 : 0;
  return n;
}

void leak() {
  say("1. The leak: a goroutine that waits for what never comes stays for ever, with its stack and all it "
      "holds.");
  const std::size_t before = goro::goroutine_count();  // perhaps with one that is just ending
  const goro::chan<int> answers;
  for (int server = 0; server != 3; ++server) {
    goro::go(goro::go_options{}.name("search"), [=] { answers.send(server); });
  }
  answers.recv();  // the first answer is taken; nobody will ever take the other two
  const bool stuck = eventually(
      [before] { return count_in("search", "chan send") == 2 && goro::goroutine_count() <= before + 2; });
  for (const auto& g : goro::diag::goroutines()) {
    if (g.name == "search") {
      say("   goroutine %llu \"%s\" [%s], created at %s", static_cast<unsigned long long>(g.id),
          g.name.c_str(), g.state.c_str(), g.created_at.c_str());
    }
  }
  check(stuck, "diag::goroutines() finds two that are blocked in a send");
  answers.recv();
  answers.recv();
  check(eventually([before] { return goro::goroutine_count() <= before; }), "receiving sets them free");
  say("   The cure: a buffer with room for all answers, or a way to be cancelled. diag::leak_check finds it "
      "in tests.");
}

void data_race() {
  say("2. The data race: two goroutines, one variable, one of them writes. `++n` from ten goroutines loses "
      "counts, and");
  say("   in C++ it is undefined behaviour, so it is not shown. Three cures:");
  std::atomic<int> atomic{0};
  int locked = 0;
  goro::mutex mutex;
  const goro::chan<int> events{32};
  auto owner = goro::async([events] {
    int n = 0;
    for (const int e : events) n += e;
    return n;
  });
  goro::wait_group wg;
  for (int g = 0; g != 10; ++g) {
    wg.go([&, events] {
      for (int i = 0; i != 1000; ++i) {
        atomic.fetch_add(1, std::memory_order_relaxed);
        {
          const std::lock_guard lock(mutex);
          ++locked;
        }
        events.send(1);
      }
    });
  }
  wg.wait();
  events.close();
  const int owned = owner.get();
  check(atomic.load() == 10'000 && locked == 10'000 && owned == 10'000,
        "an atomic, a lock and an owner: all three counted to 10000");
}

void capture_by_reference() {
  say("3. Capture by reference: [&i] of a loop variable is read when the goroutine runs. By then it is "
      "another number,");
  say("   or no variable at all. Capture by value; use references only to what outlives the goroutine.");
  std::set<int> seen;
  goro::mutex mutex;
  goro::wait_group wg;
  for (int i = 0; i != 5; ++i) {
    wg.go([i, &seen, &mutex] {
      const std::lock_guard lock(mutex);
      seen.insert(i);
    });
  }
  wg.wait();  // seen and mutex outlive the goroutines because of this line
  check(seen == std::set<int>{0, 1, 2, 3, 4}, "by value: five goroutines, five numbers");
}

// What the function throws as channel_closed, in words; empty if it throws nothing.
template <class F>
std::string closed_error(F f) {
  try {
    f();
  } catch (const goro::channel_closed& error) {
    return error.what();
  }
  return "";
}

void closed_and_nil_channels() {
  say("4. Closing twice, and sending on a closed channel, are mistakes of the program: channel_closed is "
      "thrown.");
  const goro::chan<int> c{1};
  c.close();
  const std::string twice = closed_error([&] { c.close(); });
  const std::string late = closed_error([&] { c.send(1); });
  const std::string nil = closed_error([] { goro::chan<int>{nullptr}.close(); });
  say("   \"%s\", \"%s\", \"%s\"", twice.c_str(), late.c_str(), nil.c_str());
  check(
      twice == "close of closed channel" && late == "send on closed channel" && nil == "close of nil channel",
      "all three were caught");
  const goro::recv_chan<int> nowhere;  // a default-constructed view refers to no channel
  check(nowhere.try_recv_for(2ms).error() == goro::errc::timed_out,
        "a nil channel never delivers: wait with a limit");
}

void thread_locks() {
  say("5. std::mutex belongs to a thread. A goroutine that holds one across a goro call may come back on "
      "another");
  say("   thread, and meanwhile blocks whole threads, with the goroutine that would free it. Use goro::mutex "
      "there.");
  goro::mutex mutex;
  int visits = 0;
  goro::wait_group wg;
  for (int g = 0; g != 20; ++g) {
    wg.go([&] {
      const std::lock_guard lock(mutex);
      const int before = visits;
      goro::sleep_for(100us);  // parks with the lock held, which is allowed with this one
      visits = before + 1;
    });
  }
  wg.wait();
  check(visits == 20, "a goro::mutex was held across a sleep, by twenty goroutines in turn");
}

void lock_order() {
  say("6. Two locks in two orders: each holds what the other wants. std::scoped_lock takes both, in a safe "
      "way.");
  goro::mutex left;
  goro::mutex right;
  long transfers = 0;
  goro::wait_group wg;
  for (int g = 0; g != 2; ++g) {
    wg.go([&, g] {
      for (int i = 0; i != 2000; ++i) {
        const std::scoped_lock both(g == 0 ? left : right, g == 0 ? right : left);
        ++transfers;
        if (i % 100 == 0) goro::this_goroutine::yield();
      }
    });
  }
  check(wg.wait_for(20s), "two goroutines took both locks in opposite orders, and both came through");
  check(transfers == 4000, "and lost nothing");
  say("   Were all goroutines to wait for ever, a report would name them, and the program end with exit code "
      "2.");
}

void exceptions() {
  say("7. An exception that leaves a goroutine ends the program: nobody is above it to catch it. Catch it "
      "inside, or");
  say("   start the work with async() and let get() rethrow it where there is somebody who can act.");
  auto failing = goro::async([]() -> int { throw std::runtime_error("disk full"); });
  std::string caught;
  try {
    failing.get();
  } catch (const std::runtime_error& error) {
    caught = error.what();
  }
  check(caught == "disk full", "the error arrived where get() was called");
}

}  // namespace

void chapter_pitfalls(const settings&) {
  leak();
  data_race();
  capture_by_reference();
  closed_and_nil_channels();
  thread_locks();
  lock_order();
  exceptions();
  say("8. wait_group::add() belongs before go(), not into the goroutine: wait() could look before it was "
      "counted.");
  say("9. When main returns the program ends, whoever is still at work: wait for what matters.");
}

}  // namespace tour
