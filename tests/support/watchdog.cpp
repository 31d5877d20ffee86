#include "support/watchdog.hpp"

#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <goro/diag.hpp>

#include "support/build.hpp"

namespace goro_test {

namespace {

using std::chrono::steady_clock;

struct watchdog {
  std::mutex guard;
  std::condition_variable changed;
  std::optional<steady_clock::time_point> deadline;
  std::string test;

  watchdog() {
    std::thread([this] { watch(); }).detach();
  }

  [[noreturn]] void watch() {
    std::unique_lock held(guard);
    for (;;) {
      if (!deadline) {
        changed.wait(held);
      } else if (steady_clock::now() >= *deadline) {
        bark();
      } else {
        changed.wait_until(held, *deadline);
      }
    }
  }

  [[noreturn]] void bark() const {
    ::alarm(10);  // the dump may hang on what hangs the test
    std::cerr << "\nwatchdog: " << test << " takes too long; the goroutines:\n";
    goro::diag::dump_goroutines(std::cerr);
    std::cerr.flush();
    std::abort();
  }
};

// Never destroyed: its thread runs to the end of the process.
watchdog& the_watchdog() {
  static auto& dog = *new watchdog;
  return dog;
}

}  // namespace

std::chrono::seconds watchdog_limit() { return std::chrono::seconds(k_sanitized ? 110 : 60); }

void arm_watchdog(std::string test) {
  watchdog& dog = the_watchdog();
  const std::lock_guard held(dog.guard);
  dog.test = std::move(test);
  dog.deadline = steady_clock::now() + watchdog_limit();
  dog.changed.notify_all();
}

void disarm_watchdog() {
  watchdog& dog = the_watchdog();
  const std::lock_guard held(dog.guard);
  dog.deadline.reset();
  dog.changed.notify_all();
}

void allow_longer(std::chrono::seconds more) {
  watchdog& dog = the_watchdog();
  const std::lock_guard held(dog.guard);
  if (dog.deadline) *dog.deadline += more;
  dog.changed.notify_all();
}

}  // namespace goro_test
