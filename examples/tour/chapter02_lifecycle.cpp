// Chapter 2: creation, execution, blocking, termination.

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include <goro/diag.hpp>

#include "tour.hpp"

namespace tour {

namespace {

using namespace std::chrono_literals;

// The state of the goroutine of that name, as the runtime sees it; "gone" if there is none.
std::string state_of(const std::string& name) {
  for (const auto& g : goro::diag::goroutines()) {
    if (g.name == name) return g.state;
  }
  return "gone";
}

goro::go_options named(const char* name) { return goro::go_options{}.name(name); }

void creation_and_execution() {
  const procs_scope one(1);
  goro::wait_group wg;
  wg.add();
  std::string while_running;
  goro::go(named("newcomer"), [&] {
    while_running = state_of("newcomer");
    wg.done();
  });
  say("creation:    just started, with one P that main occupies, it is \"%s\"", state_of("newcomer").c_str());
  wg.wait();
  say("execution:   seen from inside it is \"%s\"", while_running.c_str());
  check(while_running == "running", "a goroutine that looks at itself is running");
}

// Puts a goroutine into each kind of waiting, looks, and sets them free.
void blocking_states() {
  const goro::chan<int> never_sent;
  const goro::chan<int> never_received;
  goro::mutex held;
  goro::wait_group busy;
  std::atomic<bool> awake{false};
  goro::wait_group all;
  all.add(5);

  held.lock();
  busy.add();
  goro::go(named("receiver"), [&] { never_sent.recv(), all.done(); });
  goro::go(named("sender"), [&] { never_received.send(1), all.done(); });
  goro::go(named("locker"), [&] { held.lock(), held.unlock(), all.done(); });
  goro::go(named("waiter"), [&] { busy.wait(), all.done(); });
  goro::go(named("sleeper"), [&] {
    while (!awake.load()) goro::sleep_for(20ms);
    all.done();
  });

  say("blocking:    a goroutine that waits says for what; its thread does other things meanwhile");
  const std::map<std::string, std::string> expected{{"receiver", "chan receive"},
                                                    {"sender", "chan send"},
                                                    {"locker", "sync.Mutex.Lock"},
                                                    {"waiter", "semacquire"},
                                                    {"sleeper", "sleep"}};
  for (const auto& [name, state] : expected) {
    const bool seen = eventually([&name, &state] { return state_of(name) == state; });
    check(seen, (name + " is in \"" + (seen ? state : state_of(name)) + "\"").c_str());
  }

  never_sent.close();
  never_received.recv();
  held.unlock();
  busy.done();
  awake.store(true);
  all.wait();
  check(true, "all five were woken and have finished");
}

struct end_marker {
  std::vector<std::string>& log;
  std::string what;
  ~end_marker() { log.push_back(what); }
};

void termination() {
  say("termination: by return, by exit() from any depth, or by an exception; destructors run in each case");
  std::vector<std::string> log;
  goro::wait_group wg;
  wg.go([&log] { const end_marker end{log, "return"}; });
  wg.wait();
  wg.go([&log] {
    const end_marker end{log, "exit"};
    goro::this_goroutine::exit();
  });
  wg.wait();
  auto failing = goro::async([&log] {
    const end_marker end{log, "exception"};
    throw std::runtime_error("out of paper");
  });
  std::string caught;
  try {
    failing.get();
  } catch (const std::runtime_error& error) {
    caught = error.what();
  }
  check(log == std::vector<std::string>{"return", "exit", "exception"}, "three ways out, three destructors");
  check(caught == "out of paper", "the exception of an async goroutine reaches whoever calls get()");
  say("An exception that leaves a goroutine started by go() ends the program with a report, as in Go.");
}

}  // namespace

void chapter_lifecycle(const settings&) {
  eventually([] { return goro::goroutine_count() == 1; });  // the last one of the chapter before has ended
  const std::size_t before = goro::goroutine_count();
  creation_and_execution();
  blocking_states();
  termination();
  check(eventually([before] { return goro::goroutine_count() == before; }), "no goroutine is left over");
}

}  // namespace tour
