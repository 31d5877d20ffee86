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

#include <goro/runtime.hpp>

#include "diag/describe.hpp"
#include "os/futex.hpp"
#include "os/thread.hpp"
#include "sched/scheduler.hpp"
#include "sched/waiter.hpp"

namespace goro {

namespace detail {

namespace {

constexpr int k_exit_code = 2;  // Go's
constexpr auto k_longest_report = std::chrono::seconds(5);

constinit std::atomic<std::uintptr_t> g_reporter{0};  // who makes the last report: present_party(); 0: nobody
constinit std::atomic<panic_policy> g_policy{panic_policy::end_process};

std::string demangled(const char* name) {
  int status = 0;
  char* text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  std::string result = status == 0 ? text : name;
  std::free(text);
  return result;
}

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
  for (;;) ::syscall(SYS_exit_group, k_exit_code);
}

namespace {

// The goroutine, or the thread (odd, where a goroutine's address is even).
std::uintptr_t present_party() noexcept {
  const machine* mp = current_machine();
  if (mp && mp->curg) return reinterpret_cast<std::uintptr_t>(mp->curg.get());
  return static_cast<std::uintptr_t>(::gettid()) << 1 | 1;
}

}  // namespace

void claim_report() noexcept {
  std::uintptr_t reporter = 0;
  const std::uintptr_t self = present_party();
  if (g_reporter.compare_exchange_strong(reporter, self, std::memory_order_acq_rel)) return;
  if (reporter != self) let_report_finish();
  write_stderr("panic while printing panic value\n");
  leave_process();
}

void claim_last_report() noexcept {
  std::uintptr_t reporter = 0;
  const std::uintptr_t self = present_party();
  if (g_reporter.compare_exchange_strong(reporter, self, std::memory_order_acq_rel)) return;
  if (reporter != self) sleep_through(k_longest_report);  // the other one ends the process
  write_stderr("fatal error: stack overflow while a report is being made\n");
  leave_process();
}

void let_report_finish() noexcept {
  if (g_reporter.load(std::memory_order_acquire) == 0) return;
  // A goroutine parks: the one that reports may need this thread to go on.
  const machine* mp = current_machine();
  if (mp && mp->curg) block_for_ever(wait_reason::none);
  const time_point end = clock::now() + k_longest_report;
  note never;
  while (never.sleep(&end)) {
  }
  write_stderr("fatal error: goro: the text of a panic does not come to an end\n");
  leave_process();
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

void fatal(std::string_view what) noexcept {
  claim_report();
  // There may be no memory to put it into one piece.
  write_stderr("fatal error: ");
  write_stderr(what);
  write_stderr("\n\n");
  try {
    write_stderr(describe_all());
  } catch (const std::bad_alloc&) {
    write_stderr("(no memory for the list of goroutines)\n");
  }
  leave_process();
}

void fatal_errno(std::string_view what, int error) noexcept {
  char line[512];
  const int n = std::snprintf(line, sizeof line, "goro: %.*s: %s", static_cast<int>(what.size()), what.data(),
                              ::strerrordesc_np(error));
  fatal({line, std::min(static_cast<std::size_t>(n), sizeof line - 1)});
}

void report_panic(bool must_end) noexcept {
  const goroutine* gp = current_machine()->curg;
  // run() could not return without the main goroutine's result.
  const bool ends_process = must_end ||
                            g_policy.load(std::memory_order_relaxed) == panic_policy::end_process ||
                            gp == sched.main_goroutine.load(std::memory_order_relaxed);
  if (ends_process) claim_report();  // first: the text may take its time
  const std::string text = panic_lines() + '\n' + describe(*gp, "running") + "\n";
  write_stderr(text);
  if (ends_process) leave_process();
}

}  // namespace detail

panic_policy set_panic_policy(panic_policy policy) noexcept {
  return detail::g_policy.exchange(policy, std::memory_order_relaxed);
}

}  // namespace goro
