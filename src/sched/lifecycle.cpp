// The beginning and the end: one scheduler per process, started by the first use from anywhere, never
// destroyed.
//
// When main returns, or exit() is called, an exit handler stops the machines: none takes another turn, and it
// waits until those have stopped that are inside of the runtime, and for a moment for those that compute.
// Exit handlers and the destructors of static objects run in the reverse order of their registration and
// construction, so the handler is registered anew whenever run() returns: a goroutine then meets no destroyed
// object that was constructed before that. Not covered: exit() called while run() is on, for objects
// constructed after the first use of goro; goroutines that never enter the runtime. What is parked is never
// unwound.
#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <thread>

#include <goro/detail/run_main.hpp>
#include <goro/error.hpp>
#include <goro/runtime.hpp>

#include "diag/debug_env.hpp"
#include "diag/fatal.hpp"
#include "diag/gdb_layout.hpp"
#include "diag/leak_roots.hpp"
#include "diag/lock_graph.hpp"
#include "diag/quit.hpp"
#include "diag/sched_trace.hpp"
#include "os/cpu_count.hpp"
#include "os/thread.hpp"
#include "sched/keeper.hpp"
#include "sched/scheduler.hpp"
#include "sched/sysmon.hpp"
#include "sched/waiting_thread.hpp"
#include "stack/overflow.hpp"

namespace goro::detail {

constinit scheduler_storage g_scheduler;

namespace {

constinit lock g_start_lock;

// The other machines that hold a P and have not stopped: is there one, and is one inside of the runtime?
enum class company { none, computes, inside };

company company_of(const machine* self) noexcept {
  company found = company::none;
  const int made = sched.made.load(std::memory_order_acquire);  // pairs with make_processor()
  for (int i = 0; i != made; ++i) {
    machine* owner = sched.all[i].load(std::memory_order_relaxed)->owner.load(std::memory_order_acquire);
    if (!owner || owner == self || owner->frozen.load(std::memory_order_acquire))
      continue;  // pairs with freeze()
    owner->hold.call();
    if (owner->hold.inside()) return company::inside;
    found = company::computes;
  }
  return found;
}

// A child of fork() has none of the machines, and perhaps a lock that nobody will ever release. Whatever it
// does that needs them ends it with a sentence.
void mark_fork() {
  sched.forked.store(true, std::memory_order_relaxed);
  sched.procs.store(0, std::memory_order_relaxed);  // for ensure_started()
  if (machine* mp = current_machine()) mp->hold.call();
}

void freeze_at_exit() {
  if (sched.forked.load(std::memory_order_relaxed)) return;
  // A goroutine that computes may never come, and does no harm: it stops when it enters the runtime. Who is
  // inside comes soon, or as soon as it gets a core.
  constexpr auto k_for_who_computes = std::chrono::milliseconds(20);
  constexpr auto k_for_who_is_inside = std::chrono::seconds(10);
  let_panics_finish();
  if (sched.freezing.load(std::memory_order_relaxed))
    return;  // registered more than once, called by one thread
  const machine* self = current_machine();
  sched.exiting = self;
  sched.freezing.store(true, std::memory_order_release);
  heavy_fence();  // [MO-4]: who is not seen inside sees the request when it enters
  forget_left_machines();
  const auto start = clock::now();
  for (;;) {
    const company others = company_of(self);
    const clock::duration patience = others == company::inside ? clock::duration(k_for_who_is_inside)
                                                               : clock::duration(k_for_who_computes);
    if (others == company::none || clock::now() - start > patience) return;
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
}

void end_at_exit() {
  freeze_at_exit();
  finish_trace_at_exit();
  show_stacks_to_leak_sanitizer();
}

// Ps [0, n) exist and those that nobody holds are on the idle list. The scheduler's lock is held.
void provide_processors(int n) {
  while (sched.made.load(std::memory_order_relaxed) < n) {
    push_idle_processor(make_processor());
  }
}

}  // namespace

processor* make_processor() {
  const int id = sched.made.load(std::memory_order_relaxed);
  auto* pp = new processor(id);
  if (recording()) provide_ring(pp);
  pp->dice.seed(sched.shuffle_seed + static_cast<std::uint64_t>(id) + 1);
  sched.all[id].store(pp, std::memory_order_relaxed);
  sched.made.store(id + 1, std::memory_order_release);  // pairs with all who walk over the Ps
  return pp;
}

void used_after_fork() noexcept {
  write_stderr(
      "fatal error: goro was used in a child of fork(), which has none of its threads: only exec or _exit "
      "may follow\n");
  leave_process();
}

void ensure_started() {
  if (sched.procs.load(std::memory_order_acquire) != 0) return;  // pairs with the store below
  if (sched.forked.load(std::memory_order_relaxed)) used_after_fork();
  const lock_guard guard(g_start_lock);
  if (sched.procs.load(std::memory_order_relaxed) != 0) return;
  keep_gdb_layout();
  if (debug().deadlocks) watch_locks();
  sched.shuffle_seed = debug().shuffle_seed;
  choose_stack_limit();
  const std::optional<int> wish = wished_procs(k_max_procs);
  sched.procs_chosen = wish.has_value();
  const int n = wish ? *wish : usable_cpus(k_max_procs);
  {
    const lock_guard idle(sched.guard);
    provide_processors(n);
  }
  ::pthread_sigmask(SIG_SETMASK, nullptr, &sched.signal_mask);
  std::atexit(end_at_exit);
  install_terminate_handler();
  install_overflow_handler();
  ::pthread_atfork(nullptr, nullptr, mark_fork);
  static_cast<void>(traceback());  // says now what it does not understand
  if (start_keeper()) install_quit_handler();
  start_sysmon();
  sched.procs.store(n, std::memory_order_release);
  start_sched_trace();
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
    const bool exits = current_machine()->curg->exiting;
    if (task->returned || exits) sched.main_goroutine.store(nullptr, std::memory_order_relaxed);
    if (task->returned) {
      // Before the note: a thread that is about to wake up is not a sign of a deadlock.
      sched.foreign_waiting.fetch_sub(1, std::memory_order_release);  // pairs with report_deadlock()
      task->done.set();
    } else if (exits) {
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
  const unborn u = spawn_prepare(sizeof(main_closure), alignof(main_closure), nullptr);
  ::new (u.closure) main_closure(&task);
  spawn_main(u.gp, &call_of<main_closure>::call, where);
  // After the start: only a thread that has nothing left to do counts as waiting. (The end may have counted
  // before.)
  count_as_waiting();
  notify_submit();  // all may have fallen asleep before this thread counted: the sentinel looks for a
                    // deadlock again
  task.done.sleep();
  let_panics_finish();
  std::atexit(end_at_exit);  // again: see above
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

namespace {

enum class chooser { program, environment };

// The environment's choice counts as long as the program has made none.
int change_procs(int n, chooser who) {
  int former = 0;
  {
    const detail::lock_guard guard(sched.guard);
    if (who == chooser::environment && sched.procs_chosen) return n;
    if (who == chooser::program) sched.procs_chosen = true;
    former = sched.procs.exchange(n);  // before the calls below: see possession::settle()
    const int made = sched.made.load(std::memory_order_relaxed);
    // The idle list anew: those in use that nobody holds.
    sched.idle_procs = nullptr;
    for (int i = 0; i != made; ++i) {
      detail::processor* pp = sched.all[i].load(std::memory_order_relaxed);
      detail::machine* owner = pp->owner.load(std::memory_order_relaxed);
      if (owner) {
        if (i >= n) owner->hold.call();
      } else if (i < n) {
        detail::push_idle_processor(pp);
      }
    }
    detail::provide_processors(n);
  }
  detail::appoint_watcher();
  return former;
}

}  // namespace

int set_max_procs(int n) {
  const detail::race_hidden hidden;
  detail::ensure_started();
  if (n < 1) return max_procs();
  return change_procs(std::min(n, k_max_procs), chooser::program);
}

int set_max_threads(int n) noexcept {
  detail::ensure_started();
  if (n < 1) return sched.max_threads.load(std::memory_order_relaxed);
  return sched.max_threads.exchange(n, std::memory_order_relaxed);
}

namespace detail {

void follow_cpu_count() noexcept {
  const int n = usable_cpus(k_max_procs);
  if (n != sched.procs.load(std::memory_order_relaxed)) change_procs(n, chooser::environment);
}

}  // namespace detail

}  // namespace goro
