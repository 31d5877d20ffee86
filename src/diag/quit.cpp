// A signal handler may have interrupted anything: malloc, the unwinder's own locks, a lock of the runtime. So
// it only notes the request and wakes a thread, by a futex, that makes the report.
//
// That thread is the keeper. It exists anyway, from the first use of goro on, sleeps while the program is
// idle, holds no P, and never waits for one: so it answers while all Ps compute, while all goroutines are
// blocked, and while plain threads stand in locks of their own. The kernel runs the handler on any thread of
// the program that does not block the signal; it runs, or sleeps in the kernel, which a signal ends. (The
// other candidates: sysmon, which has to take Ps away at the same time; the sentinel, which there is not
// while all compute; a thread of its own, which an idle program would keep for a signal that never comes.)
//
// Who installs a handler for SIGQUIT, by sigaction or goro::notify, takes the place of this one, and when
// notify's subscription ends it is back. It is not installed where the program, or who started it (nohup),
// has chosen another disposition. Whoever sends the signal twice gets the kernel's default at the second: a
// report that does not come to an end must not keep the process alive. A child of fork has no keeper: there
// the default acts at once.
#include "diag/quit.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>

#include "diag/fatal.hpp"
#include "os/signals.hpp"
#include "sched/keeper.hpp"
#include "sched/scheduler.hpp"

namespace goro::detail {

namespace {

constinit std::atomic<bool> g_wanted{false};

void on_quit(int signal) {
  const int saved = errno;
  if (sched.forked.load(std::memory_order_relaxed)) {
    let_default_act(signal);
  } else {
    g_wanted.exchange(true, std::memory_order_acq_rel);  // pairs with answer_quit()
    hurry_keeper();
  }
  errno = saved;
}

}  // namespace

void install_quit_handler() noexcept { handle_if_default(SIGQUIT, on_quit); }

void answer_quit() noexcept {
  // The keeper has cleared its note before. A request that is not seen here comes after that, and its setting
  // of the note, too.
  if (g_wanted.exchange(false, std::memory_order_acq_rel)) report_quit();  // pairs with on_quit()
}

}  // namespace goro::detail
