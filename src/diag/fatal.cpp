// The last words of a process.
#include "diag/fatal.hpp"

#include <cxxabi.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>

#include <goro/runtime.hpp>

#include "diag/describe.hpp"
#include "os/futex.hpp"
#include "sched/scheduler.hpp"
#include "sched/waiter.hpp"

namespace goro {

namespace detail {

namespace {

constexpr int k_exit_code = 2;  // Go's

constinit std::atomic<bool> g_reporting{false};
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
    try {
      return e.what();
    } catch (...) {
      return "(panic while printing panic value)";
    }
  } catch (const std::string& s) {
    return s;
  } catch (const char* s) {
    return s ? s : "(null)";
  } catch (...) {
    const std::type_info* type = abi::__cxa_current_exception_type();
    return type ? "(" + demangled(type->name()) + ")" : "(unknown exception)";
  }
}

}  // namespace

void write_stderr(std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
    if (n < 0 && errno != EINTR) return;
    if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
  }
}

void claim_report() noexcept {
  if (g_reporting.exchange(true, std::memory_order_acq_rel)) let_report_finish();
}

void let_report_finish() noexcept {
  if (!g_reporting.load(std::memory_order_acquire)) return;
  // A goroutine parks: the one that reports may need this thread to go on.
  const machine* mp = current_machine();
  if (mp && mp->curg) block_for_ever(wait_reason::none);
  note never;
  for (;;) never.sleep();
}

namespace {

constinit std::terminate_handler g_former_handler = nullptr;

void report_terminate() {
  const machine* mp = current_machine();
  if (mp && mp->curg && std::current_exception()) report_panic();
  if (g_former_handler) g_former_handler();
  std::abort();
}

}  // namespace

void install_terminate_handler() noexcept { g_former_handler = std::set_terminate(report_terminate); }

void fatal(std::string_view what) noexcept {
  claim_report();
  write_stderr("fatal error: " + std::string(what) + "\n\n" + describe_all());
  ::_exit(k_exit_code);
}

void fatal_errno(std::string_view what, int error) noexcept {
  fatal("goro: " + std::string(what) + ": " + std::strerror(error));
}

void report_panic() noexcept {
  const goroutine* gp = current_machine()->curg;
  const bool ends_process = g_policy.load(std::memory_order_relaxed) == panic_policy::end_process;
  if (ends_process) claim_report();  // first: the text may take its time
  const std::string text = "panic: " + panic_text() + "\n\n" + describe(*gp, "running") + "\n";
  write_stderr(text);
  if (ends_process) ::_exit(k_exit_code);
}

}  // namespace detail

panic_policy set_panic_policy(panic_policy policy) noexcept {
  return detail::g_policy.exchange(policy, std::memory_order_relaxed);
}

}  // namespace goro
