#include "diag/deadlock.hpp"

#include <dirent.h>

#include <chrono>

#include <goro/runtime.hpp>

#include "base/sanitizers.hpp"
#include "diag/fatal.hpp"
#include "sched/scheduler.hpp"

namespace goro::detail {

namespace {

// How many the runtime knows to have; one that has ended counts until it is joined.
int own_threads() noexcept {
  return sched.machine_count.load(std::memory_order_relaxed) +
         sched.helper_count.load(std::memory_order_relaxed);
}

// The number of threads that the program and the runtime have, by the kernel's own list; 0 if it cannot be
// read.
int thread_count() noexcept {
  DIR* d = ::opendir("/proc/self/task");
  if (!d) return 0;
  int n = 0;
  while (const dirent* e = ::readdir(d)) n += e->d_name[0] != '.';
  ::closedir(d);
  // A sanitizer starts its own when it sees the first one start.
  return own_threads() != 0 ? n - k_sanitizer_threads : n;
}

// Those of the program in waits without a deadline, those of the runtime as far as they are counted.
bool all_threads_sleep() noexcept {
  const int asleep = sched.foreign_waiting.load(std::memory_order_acquire);
  if (asleep == 0 || sched.freezing.load(std::memory_order_relaxed)) return false;
  if (sched.endless_sleeps.load(std::memory_order_acquire) != 0) return false;
  const int ours = own_threads();
  if (thread_count() != ours + asleep) return false;
  // One of ours may have ended since, and even been joined: then the look is made again.
  return sched.foreign_waiting.load(std::memory_order_acquire) == asleep && own_threads() == ours;
}

constexpr auto k_first_while = std::chrono::milliseconds(100);

// Another plain thread may still come; a goroutine will not.
void sleep_after_the_end(note& n) noexcept {
  const time_point soon = clock::now() + std::chrono::seconds(1);
  if (n.sleep(&soon)) return;
  write_stderr(
      "goro: a thread waits while the process ends, when goroutines no longer run: if it waits for one, in "
      "the "
      "destructor of a static object or in an exit handler, it waits for ever\n");
  n.sleep();
}

}  // namespace

void sleep_counted(note& n) noexcept {
  if (sched.freezing.load(std::memory_order_relaxed)) return sleep_after_the_end(n);
  const time_point soon = clock::now() + k_first_while;
  if (n.sleep(&soon)) return;
  if (sched.machine_count.load(std::memory_order_relaxed) != 0) {
    look_for_deadlock();
  } else if (all_threads_sleep()) {
    fatal_deadlock("all goroutines are asleep - deadlock!");  // there has never been one
  }
  n.sleep();
}

void report_deadlock(machine* sentinel) noexcept {
  // Looked at first: to count the threads takes the longer the more there are, and goroutines that have
  // blocked many, and go on one by one, would have them counted each time (5,000: 3.3 s instead of 0.12).
  if (!all_quiet(sentinel) || !all_threads_sleep()) return;
  // A thread that counts as asleep has submitted its last work before that, and with it relieved the
  // sentinel.
  if (!all_quiet(sentinel)) return;
  if (sched.main_exited.load(std::memory_order_acquire) && goroutine_count() == 0) {
    fatal_deadlock("no goroutines (main called runtime.Goexit) - deadlock!");
  }
  fatal_deadlock("all goroutines are asleep - deadlock!");
}

}  // namespace goro::detail
