// The program's own last words.
//
//   1. Whoever reports has written the report and comes here, usually with the claim on the last report
//      (fatal.cpp). It may also be one who has waited for a report that does not come to an end.
//   2. g_caller, once set, is never cleared: the handler is called once in the life of a process.
//   3. Who comes second waits for the first one to end the process, but not for ever. If it is the same
//      party, the handler has failed: the process ends without it.
//
// The handler is code of the program, and may do what it must not: what it throws is caught here, since from
// a signal handler, or from a function that is noexcept, nothing may be thrown.
#include "diag/fatal_handler.hpp"

#include <atomic>
#include <chrono>

#include "diag/fatal.hpp"
#include "os/thread.hpp"
#include "sched/party.hpp"

namespace goro::detail {

namespace {

constexpr std::chrono::seconds k_longest{5};  // for which others wait for the handler

constinit std::atomic<diag::fatal_handler> g_handler{nullptr};
constinit std::atomic<party> g_caller{};  // who runs it, or has

void call(diag::fatal_handler handler, const diag::fatal_report& report) noexcept {
  try {
    handler(report);
  } catch (...) {  // also the unwinding of exit() and pthread_exit(): it ends here
    write_stderr("fatal error: goro: the fatal handler has thrown an exception\n");
    leave_process();
  }
}

}  // namespace

bool has_fatal_handler() noexcept { return g_handler.load(std::memory_order_relaxed) != nullptr; }

void end_if_handler_runs() noexcept {
  const party caller = g_caller.load(std::memory_order_acquire);  // pairs with end_process()
  if (caller.is_nobody()) return;
  write_stderr(caller == party::present() ? "fatal error: goro: the fatal handler has failed\n"
                                          : "fatal error: goro: the fatal handler does not come to an end\n");
  leave_process();
}

void end_process(const diag::fatal_report& report) noexcept {
  const diag::fatal_handler handler =
      g_handler.load(std::memory_order_acquire);  // pairs with set_fatal_handler()
  if (!handler) leave_process();
  party caller;
  // Pairs with itself and end_if_handler_runs().
  if (g_caller.compare_exchange_strong(caller, party::present(), std::memory_order_acq_rel)) {
    call(handler, report);
    leave_process();
  }
  if (caller != party::present()) sleep_through(k_longest);
  end_if_handler_runs();
  leave_process();
}

}  // namespace goro::detail

namespace goro::diag {

fatal_handler set_fatal_handler(fatal_handler handler) noexcept {
  return detail::g_handler.exchange(handler, std::memory_order_acq_rel);  // pairs with end_process()
}

}  // namespace goro::diag
