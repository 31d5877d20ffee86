// The last words of a process.
#include "diag/fatal.hpp"

#include <cxxabi.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <thread>

#include <goro/runtime.hpp>

#include "diag/debug_env.hpp"
#include "diag/dump.hpp"
#include "diag/fatal_handler.hpp"
#include "diag/panic_trace.hpp"
#include "diag/symbols.hpp"
#include "os/futex.hpp"
#include "os/signals.hpp"
#include "os/thread.hpp"
#include "sched/party.hpp"
#include "sched/scheduler.hpp"
#include "sched/waiter.hpp"

namespace goro {

namespace detail {

namespace {

constexpr int k_exit_code = 2;  // Go's
constexpr auto k_longest_report = std::chrono::seconds(5);

constinit std::atomic<party> g_reporter{};  // who makes the last report
constinit std::atomic<int> g_reports{0};    // being made of goroutines that end alone
constinit std::atomic<panic_policy> g_policy{panic_policy::end_process};

// What the exception in flight says of itself.
std::string panic_text() {
  try {
    throw;
  } catch (const std::exception& e) {
    const char* text = e.what();
    return text ? text : "(null)";
  } catch (const std::string& s) {
    return s;
  } catch (const char* s) {
    return s ? s : "(null)";
  } catch (...) {
    const std::type_info* type = abi::__cxa_current_exception_type();
    return type ? "(" + demangled(type->name()) + ")" : "(unknown exception)";
  }
}

// The same of one that is not in flight here: a destructor that it has called throws another one.
std::string text_of(const panic_on_its_way& panic) {
  void* object = panic.object;
  const auto& base = static_cast<const abi::__class_type_info&>(typeid(std::exception));
  if (panic.type->__do_upcast(&base, &object)) {
    const char* text = static_cast<const std::exception*>(object)->what();
    return text ? text : "(null)";
  }
  if (*panic.type == typeid(std::string)) return *static_cast<const std::string*>(panic.object);
  if (*panic.type == typeid(const char*)) {
    const char* text = static_cast<const char*>(panic.object);
    return text ? text : "(null)";
  }
  return "(" + demangled(panic.type->name()) + ")";
}

std::string panic_lines();

// What was caught before the exception in flight took its place (std::throw_with_nested).
std::string replaced_lines() {
  try {
    throw;
  } catch (const std::nested_exception& newer) {
    if (!newer.nested_ptr()) return {};
    try {
      newer.rethrow_nested();
    } catch (...) {
      std::string lines = panic_lines();
      lines.back() = ' ';  // the line goes on
      return lines + "[recovered]\n\t";
    }
  } catch (...) {
    return {};
  }
}

// The exception in flight and those that it replaced, oldest first, in Go's form.
std::string panic_lines() { return replaced_lines() + "panic: " + panic_text() + '\n'; }

}  // namespace

void write_stderr(std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
    if (n < 0 && errno != EINTR) return;
    if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
  }
}

// Not by _exit(): there ThreadSanitizer wants to have the last word, also about what is hidden from it
// (race.hpp).
void leave_process() noexcept {
  if (traceback() == traceback_level::crash) dump_core();
  for (;;) ::syscall(SYS_exit_group, k_exit_code);
}

namespace {

// A last report of one line.
[[noreturn]] void end_with(diag::fatal_kind kind, std::string_view line) noexcept {
  write_stderr(line);
  write_stderr("\n");
  end_process({.kind = kind, .text = line, .stacks = {}});
}

// Who has had it before; nobody: the last report is the caller's. Pairs with itself and let_report_finish().
party claim() noexcept {
  party former;
  g_reporter.compare_exchange_strong(former, party::present(), std::memory_order_acq_rel);
  return former;
}

}  // namespace

void claim_report() noexcept {
  const party former = claim();
  if (former.is_nobody()) return;
  if (former != party::present()) let_report_finish();
  end_if_handler_runs();
  end_with(diag::fatal_kind::panic, "panic while printing panic value");
}

void claim_last_report() noexcept {
  const party former = claim();
  if (former.is_nobody()) return;
  if (former != party::present()) sleep_through(k_longest_report);  // the other one ends the process
  end_if_handler_runs();
  end_with(diag::fatal_kind::stack_overflow, "fatal error: stack overflow while a report is being made");
}

void let_report_finish() noexcept {
  const party reporter = g_reporter.load(std::memory_order_acquire);  // pairs with claim()
  if (reporter.is_nobody()) return;
  if (reporter == party::present()) {
    end_if_handler_runs();
    end_with(diag::fatal_kind::fatal_error,
             "fatal error: goro: exit was called while a panic's text was made");
  }
  // A goroutine parks: the one that reports may need this thread to go on.
  const machine* mp = current_machine();
  if (mp && mp->curg) block_for_ever(wait_reason::none);
  const time_point end = clock::now() + k_longest_report;
  note never;
  while (never.sleep(&end)) {
  }
  end_if_handler_runs();
  end_with(diag::fatal_kind::fatal_error, "fatal error: goro: the text of a panic does not come to an end");
}

namespace {

constinit std::terminate_handler g_former_handler = nullptr;

void report_terminate() {
  const machine* mp = current_machine();
  if (mp && mp->curg) {
    // Nothing was thrown since exit() has reached this frame: then it is what cannot go on.
    if (mp->curg->exiting && std::current_exception() == mp->curg->extras->handled_at_exit) {
      fatal("goro: this_goroutine::exit met a noexcept function, or a catch (...) inside another handler");
    }
    if (std::current_exception()) {
      report_panic(true);  // also if the policy is to end only the goroutine: it cannot leave from here
    }
  }
  if (g_former_handler) g_former_handler();
  std::abort();
}

}  // namespace

void install_terminate_handler() noexcept { g_former_handler = std::set_terminate(report_terminate); }

namespace {

// Writes what fn returns, if there is memory for it, and keeps it for the fatal handler, if there is one.
template <class F>
void write_text(F fn, std::string* kept = nullptr) noexcept {
  try {
    const std::string text = fn();
    write_stderr(text);
    if (kept && has_fatal_handler()) *kept += text;
  } catch (const std::bad_alloc&) {
    write_stderr("(no memory to describe it)\n");
  }
}

// The caller first, unless it is the scheduler, then the others.
void report_caller_and_others(std::string& kept) noexcept {
  const machine* mp = current_machine();
  const goroutine* caller = mp ? mp->curg.get() : nullptr;
  if (caller) {
    write_text([&] { return describe_caller(*caller) + "\n"; }, &kept);
  } else if (!mp) {
    write_text([] { return describe_thread() + "\n"; }, &kept);
  }
  write_text([&] { return describe_all(caller); }, &kept);
}

// The beginning of a report, in one piece although there may be no memory.
class headline {
 public:
  explicit headline(std::string_view what) noexcept {
    const int n =
        std::snprintf(line_, sizeof line_, "fatal error: %.*s", static_cast<int>(what.size()), what.data());
    size_ = std::min(static_cast<std::size_t>(std::max(n, 0)), sizeof line_ - 1);
  }
  std::string_view text() const noexcept { return {line_, size_}; }

 private:
  char line_[1024];
  std::size_t size_;
};

[[noreturn]] void report_fatal(diag::fatal_kind kind, std::string_view what) noexcept {
  claim_report();
  const headline first(what);
  write_stderr(first.text());
  write_stderr("\n\n");
  std::string stacks;
  if (traceback() != traceback_level::none) report_caller_and_others(stacks);
  // What stands on further lines may differ from run to run: who can never be woken.
  end_process({.kind = kind, .text = first.text().substr(0, first.text().find('\n')), .stacks = stacks});
}

}  // namespace

void report_quit() noexcept {
  claim_report();
  write_stderr("SIGQUIT: quit\n\n");
  if (traceback() != traceback_level::none) write_text([] { return describe_all(); });
  leave_process();
}

void fatal(std::string_view what) noexcept { report_fatal(diag::fatal_kind::fatal_error, what); }

void fatal_deadlock(std::string_view what) noexcept { report_fatal(diag::fatal_kind::deadlock, what); }

void fatal_errno(std::string_view what, int error) noexcept {
  char line[512];
  const int n = std::snprintf(line, sizeof line, "goro: %.*s: %s", static_cast<int>(what.size()), what.data(),
                              ::strerrordesc_np(error));
  fatal({line, std::min(static_cast<std::size_t>(n), sizeof line - 1)});
}

namespace {

// What a goroutine that ends alone has to say is written before the process may end.
class report_in_progress {
 public:
  explicit report_in_progress(goroutine& g) noexcept {
    g_reports.fetch_add(1, std::memory_order_relaxed);
    panic_has_arrived(g);  // pairs with let_panics_finish()
  }
  ~report_in_progress() { g_reports.fetch_sub(1, std::memory_order_relaxed); }
  report_in_progress(const report_in_progress&) = delete;
  report_in_progress& operator=(const report_in_progress&) = delete;
};

bool somebody_else_reports() noexcept {
  const party reporter = g_reporter.load(std::memory_order_acquire);  // pairs with claim()
  return !reporter.is_nobody() && reporter != party::present();
}

}  // namespace

void let_panics_finish() noexcept {
  constexpr auto k_longest_unwinding = std::chrono::seconds(1);
  const auto start = clock::now();
  for (;;) {
    const bool unwinding = panics_on_their_way() != 0;  // first: who arrives is counted as reporting before
    const bool reports = g_reports.load(std::memory_order_acquire) != 0;
    if (somebody_else_reports() || (!reports && !unwinding)) break;
    if (clock::now() - start > (reports ? k_longest_report : k_longest_unwinding)) break;
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  let_report_finish();
}

void report_panic(bool must_end) noexcept {
  goroutine* gp = current_machine()->curg;
  // run() could not return without the main goroutine's result.
  const bool ends_process = must_end ||
                            g_policy.load(std::memory_order_relaxed) == panic_policy::end_process ||
                            gp == sched.main_goroutine.load(std::memory_order_relaxed);
  // By a second exception while a first one is on its way.
  const panic_on_its_way first = must_end ? panic_of(*gp) : panic_on_its_way();
  const report_in_progress in_progress(*gp);
  if (ends_process) claim_report();  // first: the text may take its time
  const std::string text = (first.type ? "panic: " + text_of(first) + "\n\t" : "") + panic_lines();
  std::string stacks;
  if (traceback() != traceback_level::none)
    stacks = describe_panic(*gp, must_end ? panic_stage::terminates : panic_stage::unwound) + "\n";
  write_stderr(text + "\n" + stacks);
  if (!ends_process) return;
  if (traceback() == traceback_level::all || traceback() == traceback_level::crash)
    write_text([gp] { return describe_all(gp); }, &stacks);
  end_process({.kind = diag::fatal_kind::panic,
               .text = std::string_view(text).substr(0, text.size() - 1),
               .stacks = stacks});
}

}  // namespace detail

panic_policy set_panic_policy(panic_policy policy) noexcept {
  return detail::g_policy.exchange(policy, std::memory_order_relaxed);
}

}  // namespace goro
