// Programs that end by a panic: `panic CASE`. The tests look at stderr and at the exit code.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

#include <goro/goro.hpp>

namespace {

using namespace std::chrono_literals;

void started_goroutine() {
  std::printf("line %d\n", __LINE__ + 2);
  std::fflush(stdout);
  goro::go([] { throw std::runtime_error("boom"); });
  goro::block_forever();
}

void named_goroutine() {
  goro::go(goro::go_options{}.name("worker"), [] { throw std::runtime_error("boom"); });
  goro::block_forever();
}

// A handler in the starter never sees the child's panic.
void handler_in_the_starter() {
  try {
    goro::wait_group ended;
    ended.go([] { throw std::runtime_error("boom"); });
    goro::block_forever();
  } catch (...) {
    std::puts("caught by the starter");
  }
  goro::block_forever();
}

void panic_by_a_deferred_call_during_exit() {
  goro::go([] {
    const goro::scope_exit deferred([] { throw std::runtime_error("boom"); });
    goro::this_goroutine::exit();
  });
  goro::sleep_for(10s);
}

// By a destructor that is noexcept, as they are: the exception that exit has left is gone, and the new one
// may stand where it stood.
void panic_by_a_destructor_during_exit_from_a_handler() {
  struct throws {
    ~throws() { boom(); }
    static void boom() { throw std::runtime_error("boom"); }
  };
  goro::go([] {
    const throws last;
    try {
      throw std::runtime_error("gone");
    } catch (const std::exception&) {
      goro::this_goroutine::exit();
    }
  });
  goro::sleep_for(10s);
}

// What a deferred call with recover() and a new panic is in Go.
void replaced_by_handlers() {
  try {
    try {
      throw std::runtime_error("oldest");
    } catch (const std::exception&) {
      std::throw_with_nested(std::logic_error("newer"));
    }
  } catch (const std::exception&) {
    std::throw_with_nested(goro::panic("newest"));
  }
}

std::string variant;  // the second argument

void replaced_by_a_deferred_call() {
  const goro::scope_exit deferred([] { throw std::runtime_error("newer"); });
  if (variant == "string") throw std::string("older");
  if (variant == "text") throw "older";
  if (variant == "number") throw 42;
  throw std::runtime_error("older");
}

// main returns while the report is being made.
std::atomic<bool> reporting{false};
struct slow_text : std::exception {
  const char* what() const noexcept override {
    reporting = true;
    std::this_thread::sleep_for(200ms);
    return "boom";
  }
};

void main_returns_during_the_report() {
  goro::go([] { throw slow_text(); });
  while (!reporting) goro::this_goroutine::yield();
}

struct text_that_parks : std::exception {
  const char* what() const noexcept override {
    for (int i = 0; i < 100; ++i) goro::this_goroutine::yield();
    goro::sleep_for(1ms);
    return "boom";
  }
};

void text_that_enters_the_runtime() {
  for (int i = 0; i < 10; ++i) {
    goro::go([] {
      for (;;) goro::this_goroutine::yield();
    });
  }
  goro::go([] { throw text_that_parks(); });
  goro::sleep_for(10s);
}

// what() may not throw: std::terminate is called inside it.
struct text_that_throws : std::exception {
  const char* what() const noexcept override { return std::string().at(1) == 'x' ? "x" : "y"; }
};

struct text_without_end : std::exception {
  const char* what() const noexcept override { goro::block_forever(); }
};

// Whom the destructors of a panicking goroutine wake ends the process before there is a report.
void main_hears_from_a_destructor() {
  goro::wait_group ended;
  ended.go([] { throw std::runtime_error("boom"); });
  ended.wait();
}

void main_gets_the_mutex() {
  static goro::mutex m;
  const goro::chan<goro::unit> locked;
  goro::go([locked] {
    const std::lock_guard held(m);
    locked.close();
    goro::sleep_for(1ms);
    throw std::runtime_error("boom");
  });
  locked.recv();
  const std::lock_guard held(m);
}

void several_at_once() {
  for (int i = 0; i < 20; ++i) {
    goro::go([] { throw std::runtime_error("boom"); });
  }
  goro::sleep_for(10s);
}

void ends_only_the_goroutine() {
  goro::set_panic_policy(goro::panic_policy::end_goroutine);
  goro::wait_group ended;
  ended.go([] { throw std::runtime_error("boom"); });
  ended.wait();
  goro::go([] { goro::chan<int>{nullptr}.close(); });
  while (goro::goroutine_count() > 1) goro::this_goroutine::yield();
  std::puts("survived");
}

// Its report comes before the end of the process.
void ends_only_the_goroutine_and_main_returns() {
  goro::set_panic_policy(goro::panic_policy::end_goroutine);
  main_hears_from_a_destructor();
}

// Its destructors do not come to an end.
void main_does_not_wait_for_ever() {
  const goro::chan<goro::unit> unwinds;
  goro::go([unwinds] {
    const goro::scope_exit deferred([unwinds] {
      unwinds.close();
      goro::block_forever();
    });
    throw std::runtime_error("boom");
  });
  unwinds.recv();
}

const std::map<std::string, std::function<void()>> k_cases{
    {"goroutine", started_goroutine},
    {"named", named_goroutine},
    {"main", [] { throw std::runtime_error("boom"); }},
    {"not_an_exception", [] { throw 42; }},
    {"runtime_error", [] { goro::chan<int>{nullptr}.close(); }},
    {"handler_in_the_starter", handler_in_the_starter},
    {"replaced_by_handlers", replaced_by_handlers},
    {"replaced_by_a_deferred_call", replaced_by_a_deferred_call},
    {"during_exit", panic_by_a_deferred_call_during_exit},
    {"during_exit_from_handler", panic_by_a_destructor_during_exit_from_a_handler},
    {"main_returns", main_returns_during_the_report},
    {"main_hears_from_a_destructor", main_hears_from_a_destructor},
    {"main_gets_the_mutex", main_gets_the_mutex},
    {"main_does_not_wait_for_ever", main_does_not_wait_for_ever},
    {"policy_and_main_returns", ends_only_the_goroutine_and_main_returns},
    {"text_that_parks", text_that_enters_the_runtime},
    {"text_that_throws", [] { throw text_that_throws(); }},
    {"text_without_end",
     [] {
       goro::go([] { throw text_without_end(); });
       goro::sleep_for(100ms);
     }},
    {"task_group",
     [] {
       goro::task_group group;
       group.go([] { throw std::runtime_error("boom"); });
     }},
    {"several", several_at_once},
    {"policy", ends_only_the_goroutine},
    {"policy_noexcept",
     [] {
       goro::set_panic_policy(goro::panic_policy::end_goroutine);
       goro::go([]() noexcept { goro::chan<int>{nullptr}.close(); });
       goro::sleep_for(10s);
     }},
    {"policy_main",
     [] {
       goro::set_panic_policy(goro::panic_policy::end_goroutine);
       throw std::runtime_error("boom");
     }},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3 || !k_cases.contains(argv[1])) return 99;
  if (argc == 3) variant = argv[2];
  if (variant == "plain") {  // without run(): main is a plain thread
    k_cases.at(argv[1])();
    return 0;
  }
  return goro::run(k_cases.at(argv[1]));
}
