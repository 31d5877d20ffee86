// The threads of machines: how they begin and end.
//
// A machine outlives its thread. One that has been idle for long, and one whose goroutine has ended while it
// was locked to the thread, let it end; then the machine waits for another one. A thread that ends is on the
// list `left` until it is joined: so long it counts as one of the runtime's, and nobody looks for a deadlock,
// because that goes by the number of threads.
#include <pthread.h>

#include <cxxabi.h>
#include <cerrno>
#include <csignal>
#include <new>
#include <string>
#include <utility>

#include "diag/fatal.hpp"
#include "os/thread.hpp"
#include "sched/keeper.hpp"
#include "sched/scheduler.hpp"
#include "sched/sysmon.hpp"
#include "stack/overflow.hpp"

namespace goro::detail {

namespace {

// What belongs to the thread.
void adopt_thread(machine* mp) noexcept {
  ::pthread_sigmask(SIG_SETMASK, &sched.signal_mask, nullptr);
  set_current_machine(mp);
  mp->thread.note_self();
  mp->eh = reinterpret_cast<eh_globals*>(abi::__cxa_get_globals());
  mp->errno_address = &errno;
  sanitizer_adopt_thread(mp->system_stack);
  race_release(mp);  // pairs with complete_switch()
  ask_for_exact_sleeps();
  // Whoever has started it may have another one, which it has inherited.
  mp->short_slice = false;
  ask_for_slice(time_slice::usual);
}

// The last that the thread does with its machine.
void leave(machine* mp) noexcept {
  const lock_guard guard(sched.guard);
  ++sched.leaving;
  // Both may soon be another thread's.
  mp->thread.number.store(0, std::memory_order_relaxed);
  mp->system_sp = nullptr;
  // When the process ends nobody joins it any more; see forget_left_machines().
  if (sched.freezing.load(std::memory_order_relaxed)) return void(::pthread_detach(mp->thread.handle));
  mp->next_left = std::exchange(sched.left, mp);
  rouse_keeper();
}

void* machine_thread(void* arg) {
  race_hide();
  auto* mp = static_cast<machine*>(arg);
  adopt_thread(mp);
  stack_slot* const signal_stack = provide_signal_stack();
  machine_loop(mp);
  withdraw_signal_stack(signal_stack);
  set_current_machine(nullptr);
  leave(mp);
  race_show();
  return nullptr;
}

// The machine of a thread that has ended is used again.
machine* spare_machine() noexcept {
  machine* mp = sched.spare;
  if (!mp) return nullptr;
  sched.spare = std::exchange(mp->next_left, nullptr);
  mp->leaves = false;
  mp->locked = nullptr;
  return mp;
}

// A machine that others can find from now on.
machine* made_machine() noexcept {
  auto* mp = new (std::nothrow) machine;
  if (!mp) fatal("goro: no memory for a thread");
  mp->hold.set_traced(recording());
  mp->next_machine = sched.machines.load(std::memory_order_relaxed);
  sched.machines.store(mp, std::memory_order_release);  // pairs with first_machine()
  return mp;
}

// Counts one more thread. Those that have ended make room.
void count_thread() noexcept {
  const int most = sched.max_threads.load(std::memory_order_relaxed);
  if (sched.machine_count.fetch_add(1, std::memory_order_relaxed) < most) return;
  join_left_machines();
  if (sched.machine_count.load(std::memory_order_relaxed) <= most) return;
  write_stderr("runtime: program exceeds " + std::to_string(most) + "-thread limit\n");
  fatal("thread exhaustion");
}

}  // namespace

machine* new_machine(processor* pp) noexcept {
  machine* mp = spare_machine();
  if (!mp) mp = made_machine();
  mp->watching = false;
  hold(mp, pp);
  return mp;
}

void start_machine(machine* mp) noexcept {
  const machine* here = current_machine();
  if (here && here->locked) return have_started(mp);
  count_thread();
  void* const self = sanitizer_take_name(here ? &here->system_stack : nullptr);
  const int error = start_thread(machine_thread, mp, &mp->thread.handle);
  sanitizer_give_name_back(self);
  if (error == EAGAIN)
    write_stderr(
        "goro: perhaps the number of threads is limited: ulimit -u or -v, or pids.max of the cgroup\n");
  if (error != 0) fatal_errno("cannot start a thread", error);
}

bool dismiss_idle_machines(std::uint32_t rounds) noexcept {
  const std::uint32_t round = sched.flush_round.load(std::memory_order_relaxed);
  const lock_guard guard(sched.guard);
  int stay = sched.procs.load(std::memory_order_relaxed);
  bool more = false;
  machine** at = &sched.idle_machines;  // those that were used last come first
  while (machine* mp = *at) {
    if (stay-- > 0 || round - mp->idle_since < rounds) {
      more |= stay < 0;
      at = &mp->idle_link;
      continue;
    }
    *at = mp->idle_link;
    mp->on_idle_list = false;
    mp->leaves = true;
    rouse(mp);
  }
  return more;
}

bool join_left_machines() noexcept {
  bool any = false;
  {
    const lock_guard guard(sched.guard);
    machine** at = &sched.left;
    while (machine* mp = *at) {
      // The destructors of its thread-local variables may take their time.
      if (::pthread_tryjoin_np(mp->thread.handle, nullptr) == EBUSY) {
        at = &mp->next_left;
        continue;
      }
      *at = mp->next_left;
      mp->next_left = std::exchange(sched.spare, mp);
      sched.machine_count.fetch_sub(1, std::memory_order_relaxed);
      --sched.leaving;
      any = true;
    }
    if (!sched.left && !any) return false;
  }
  if (any) wake_sentinel();  // the look for a deadlock is made again
  return true;
}

void forget_left_machines() noexcept {
  const lock_guard guard(sched.guard);
  for (machine* mp = std::exchange(sched.left, nullptr); mp; mp = mp->next_left)
    ::pthread_detach(mp->thread.handle);
}

}  // namespace goro::detail
