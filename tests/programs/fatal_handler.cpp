// Programs that end by an error, with a fatal handler: `fatal_handler HANDLER CASE`. What a handler prints
// goes to stdout by write(), since nothing is flushed.
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include <goro/diag.hpp>
#include <goro/goro.hpp>

namespace {

using namespace std::chrono_literals;
using goro::diag::fatal_kind;
using goro::diag::fatal_report;

// --- handlers ---

void print(std::string_view text) { static_cast<void>(!::write(STDOUT_FILENO, text.data(), text.size())); }

constexpr std::string_view name_of(fatal_kind kind) {
  switch (kind) {
    case fatal_kind::panic:
      return "panic";
    case fatal_kind::fatal_error:
      return "fatal_error";
    case fatal_kind::deadlock:
      return "deadlock";
    case fatal_kind::stack_overflow:
      return "stack_overflow";
  }
  return "?";
}

void print_report(const fatal_report& r) {
  print(name_of(r.kind));
  print(" <");
  print(r.text);
  print(r.stacks.empty() ? "> no stacks\n" : "> stacks\n");
}

void print_stacks(const fatal_report& r) { print(r.stacks); }

void end_with_7(const fatal_report& r) {
  print_report(r);
  std::_Exit(7);
}

void throws(const fatal_report& r) {
  print_report(r);
  throw std::runtime_error("in the handler");
}

void exits_goroutine(const fatal_report& r) {
  print_report(r);
  goro::this_goroutine::exit();
}

void makes_a_fatal_error(const fatal_report& r) {
  print_report(r);
  goro::mutex m;
  m.unlock();
}

void calls_exit(const fatal_report& r) {
  print_report(r);
  std::exit(0);
}

void faults(const fatal_report& r) {
  print_report(r);
  volatile int* volatile nowhere = nullptr;
  *nowhere = 1;
}

[[gnu::noinline]] long dive(long levels) {
  volatile char frame[256];
  frame[0] = 1;
  const long below = levels == 0 ? 0 : dive(levels - 1);
  return below + frame[0];
}

constexpr long k_for_ever = 1L << 60;

void overflows(const fatal_report& r) {
  print_report(r);
  dive(k_for_ever);
}

// Long enough for others to fail meanwhile.
void takes_its_time(const fatal_report& r) {
  print_report(r);
  std::this_thread::sleep_for(300ms);
  print("done\n");
}

void never_ends(const fatal_report& r) {
  print_report(r);
  for (;;) ::pause();
}

goro::diag::fatal_handler g_former = nullptr;
void prints_and_calls_the_former(const fatal_report& r) {
  print("new, ");
  g_former(r);
}

void set(goro::diag::fatal_handler handler) { goro::diag::set_fatal_handler(handler); }

void set_and_reset() {
  if (goro::diag::set_fatal_handler(print_report) != nullptr) print("there was one\n");
  if (goro::diag::set_fatal_handler(nullptr) != print_report) print("not the former one\n");
}

const std::map<std::string, std::function<void()>> k_handlers{
    {"print", [] { set(print_report); }},
    {"stacks", [] { set(print_stacks); }},
    {"end", [] { set(end_with_7); }},
    {"throw", [] { set(throws); }},
    {"exit_goroutine", [] { set(exits_goroutine); }},
    {"fatal", [] { set(makes_a_fatal_error); }},
    {"exit", [] { set(calls_exit); }},
    {"fault", [] { set(faults); }},
    {"overflow", [] { set(overflows); }},
    {"slow", [] { set(takes_its_time); }},
    {"endless", [] { set(never_ends); }},
    {"reset", set_and_reset},
    {"chain",
     [] {
       set(print_report);
       g_former = goro::diag::set_fatal_handler(prints_and_calls_the_former);
     }},
};

// --- what ends the process ---

void unlock_of_unlocked() {
  goro::mutex m;
  m.unlock();
}

void throw_boom() { throw std::runtime_error("boom"); }

void panics() {
  goro::go(throw_boom);
  goro::sleep_for(10s);
}

void panics_in_a_noexcept_function() {
  goro::go([]() noexcept { throw_boom(); });
  goro::sleep_for(10s);
}

void panics_with_a_replaced_one() {
  goro::go([] {
    try {
      throw std::runtime_error("first");
    } catch (...) {
      std::throw_with_nested(std::runtime_error("second"));
    }
  });
  goro::sleep_for(10s);
}

void panic_ends_only_the_goroutine() {
  goro::set_panic_policy(goro::panic_policy::end_goroutine);
  goro::wait_group ended;
  ended.go(throw_boom);
  ended.wait();
  while (goro::goroutine_count() > 1) goro::this_goroutine::yield();
}

struct text_that_throws : std::exception {
  const char* what() const noexcept override {
    throw_boom();
    return "";
  }
};

// Goroutines and plain threads that fail at the same time.
void several() {
  static std::atomic<int> ready{0};
  constexpr int k_threads = 4;
  for (int i = 0; i != k_threads; ++i) {
    std::thread([] {
      ++ready;
      while (ready != k_threads) std::this_thread::yield();
      unlock_of_unlocked();
    }).detach();
    goro::go(unlock_of_unlocked);
    goro::go(throw_boom);
  }
  goro::sleep_for(10s);
}

// An overflow while the handler of another error runs, and the other way round.
void overflow_beside_fatal_errors() {
  for (int i = 0; i != 4; ++i) {
    goro::go([] { dive(k_for_ever); });
    std::thread(unlock_of_unlocked).detach();
  }
  goro::sleep_for(10s);
}

void overflow_in_a_goroutine() {
  goro::go(goro::go_options{}.stack(64 << 10).label("request", "42"), [] { dive(k_for_ever); });
  goro::sleep_for(10s);
}

// The thread of main wants to end the process while the handler runs.
void main_returns_meanwhile() {
  goro::go(throw_boom);
  goro::sleep_for(100ms);
}

const std::map<std::string, std::function<void()>> k_cases{
    {"panic", panics},
    {"panic_noexcept", panics_in_a_noexcept_function},
    {"panic_chain", panics_with_a_replaced_one},
    {"panic_policy", panic_ends_only_the_goroutine},
    {"panic_text", [] { throw text_that_throws(); }},
    {"fatal", unlock_of_unlocked},
    {"fatal_thread", [] { std::thread(unlock_of_unlocked).join(); }},
    {"leak",
     [] {
       const goro::diag::leak_check check;
       goro::go([] { goro::chan<int>{}.recv(); });
     }},
    {"deadlock", [] { goro::chan<int>{}.recv(); }},
    {"overflow", overflow_in_a_goroutine},
    {"several", several},
    {"overflow_beside", overflow_beside_fatal_errors},
    {"main_returns", main_returns_meanwhile},
    {"quit",
     [] {
       ::raise(SIGQUIT);
       goro::sleep_for(10s);
     }},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 || !k_handlers.contains(argv[1]) || !k_cases.contains(argv[2])) return 99;
  const rlimit no_core{};
  ::setrlimit(RLIMIT_CORE, &no_core);
  goro::set_max_stack(256 << 10);
  k_handlers.at(argv[1])();
  return goro::run(k_cases.at(argv[2]));
}
