// The beginning and the end: one scheduler per process, started by the first use from anywhere, never
// destroyed.
//
// When main returns, or exit() is called, an exit handler freezes the machines at their next turn, before the
// destructors of static objects run: no goroutine meets a destroyed one. What is parked is never unwound.
#include <pthread.h>

#include <cxxabi.h>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include <goro/detail/run_main.hpp>
#include <goro/error.hpp>
#include <goro/runtime.hpp>

#include "diag/debug_env.hpp"
#include "diag/fatal.hpp"
#include "os/cpu_count.hpp"
#include "os/thread.hpp"
#include "sched/scheduler.hpp"

namespace goro::detail {

constinit scheduler_storage g_scheduler;

namespace {

constinit lock g_start_lock;

void freeze_at_exit() {
  let_report_finish();
  sched.freezing.store(true, std::memory_order_relaxed);
}

// Ps [0, n) exist and those that nobody holds are on the idle list. The scheduler's lock is held.
void provide_processors(int n) {
  while (sched.made.load(std::memory_order_relaxed) < n) {
    processor* pp = make_processor();
    pp->idle_link = sched.idle_procs;
    sched.idle_procs = pp;
    sched.idle_count.fetch_add(1, std::memory_order_relaxed);
  }
}

void* machine_thread(void* arg) {
  auto* mp = static_cast<machine*>(arg);
  set_current_machine(mp);
  mp->eh = reinterpret_cast<eh_globals*>(abi::__cxa_get_globals());
  mp->errno_address = &errno;
  sanitizer_adopt_thread(mp->system_stack);
  ask_for_exact_sleeps();
  machine_loop(mp);
}

}  // namespace

processor* make_processor() {
  const int id = sched.made.load(std::memory_order_relaxed);
  auto* pp = new processor(id);
  pp->dice.seed(sched.shuffle_seed + static_cast<std::uint64_t>(id) + 1);
  sched.all[id].store(pp, std::memory_order_relaxed);
  sched.made.store(id + 1, std::memory_order_release);  // pairs with all who walk over the Ps
  return pp;
}

void ensure_started() {
  if (sched.procs.load(std::memory_order_acquire) != 0) return;  // pairs with the store below
  const lock_guard guard(g_start_lock);
  if (sched.procs.load(std::memory_order_relaxed) != 0) return;
  const debug_settings settings = read_debug_settings();
  sched.shuffle_seed = settings.shuffle_seed;
  const int n = initial_procs(k_max_procs);
  {
    const lock_guard idle(sched.guard);
    provide_processors(n);
  }
  std::atexit(freeze_at_exit);
  install_terminate_handler();
  sched.procs.store(n, std::memory_order_release);
}

machine* new_machine(processor* pp) noexcept {
  auto* mp = new (std::nothrow) machine;
  if (!mp) fatal("goro: no memory for a thread");
  mp->pp = pp;
  mp->watching = true;
  pp->owner.store(mp, std::memory_order_relaxed);
  return mp;
}

void start_machine(machine* mp) noexcept {
  sched.machine_count.fetch_add(1, std::memory_order_relaxed);
  // Signals of the process go to its own threads; faults stay deliverable.
  sigset_t blocked;
  sigset_t former;
  ::sigfillset(&blocked);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP}) ::sigdelset(&blocked, fault);
  ::pthread_sigmask(SIG_SETMASK, &blocked, &former);
  pthread_t thread{};
  const int error = ::pthread_create(&thread, nullptr, machine_thread, mp);
  ::pthread_sigmask(SIG_SETMASK, &former, nullptr);
  if (error != 0) fatal_errno("cannot start a thread", error);
  ::pthread_detach(thread);
}

namespace {

// The main goroutine, and the thread that waits for it.
struct main_task {
  main_function call;
  void* f;
  int result = 0;
  bool returned = false;
  note done;
};

struct main_closure {
  main_task* task;
  void operator()() const {
    task->result = task->call(task->f);
    task->returned = true;
  }
  explicit main_closure(main_task* t) noexcept : task(t) {}
  ~main_closure() {
    if (task->returned) {
      // Before the note: a thread that is about to wake up is not a sign of a deadlock.
      sched.foreign_waiting.fetch_sub(1, std::memory_order_release);  // pairs with report_deadlock()
      task->done.set();
    } else if (current_machine()->curg->exiting) {
      sched.main_exited.store(true, std::memory_order_release);
    }
  }
};

}  // namespace

int run_main(const run_options& options, main_function call, void* f, std::source_location where) {
  if (current_machine()) throw panic("goro: run called inside a goroutine");
  ensure_started();
  if (options.max_procs() > 0) set_max_procs(options.max_procs());
  main_task task{.call = call, .f = f, .result = 0, .returned = false, .done = {}};
  const unborn u = spawn_prepare(sizeof(main_closure), alignof(main_closure));
  ::new (u.closure) main_closure(&task);
  spawn_main(u.gp, &call_of<main_closure>::call, where);
  // After the start: only a thread that has nothing left to do counts as waiting. (The end may have counted
  // before.)
  sched.foreign_waiting.fetch_add(1, std::memory_order_release);
  task.done.sleep();
  let_report_finish();
  return task.result;
}

}  // namespace goro::detail

namespace goro {

using detail::k_max_procs;
using detail::sched;

int max_procs() noexcept {
  detail::ensure_started();
  return sched.procs.load(std::memory_order_relaxed);
}

int set_max_procs(int n) {
  detail::ensure_started();
  if (n < 1) return max_procs();
  n = std::min(n, k_max_procs);
  int former = 0;
  {
    const detail::lock_guard guard(sched.guard);
    former = sched.procs.exchange(n, std::memory_order_relaxed);
    const int made = sched.made.load(std::memory_order_relaxed);
    // The idle list anew: those in use that nobody holds.
    sched.idle_procs = nullptr;
    sched.idle_count.store(0, std::memory_order_relaxed);
    for (int i = 0; i != made; ++i) {
      detail::processor* pp = sched.all[i].load(std::memory_order_relaxed);
      detail::machine* owner = pp->owner.load(std::memory_order_relaxed);
      if (owner) {
        if (i >= n) owner->attention.store(true, std::memory_order_relaxed);
      } else if (i < n) {
        pp->idle_link = sched.idle_procs;
        sched.idle_procs = pp;
        sched.idle_count.fetch_add(1, std::memory_order_relaxed);
      }
    }
    detail::provide_processors(n);
  }
  detail::appoint_watcher();
  return former;
}

}  // namespace goro
