// What the runtime asks of the kernel for one of its threads.
#pragma once

#include <pthread.h>
#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <ctime>

namespace goro::detail {

// Timers and naps on time: the kernel's default adds 50 us of slack to each sleep. For the calling thread.
void ask_for_exact_sleeps() noexcept;

// Sleeps that long, whatever signals come. Also for signal handlers.
void sleep_through(std::chrono::seconds d) noexcept;

// Starts a thread with all signals blocked; returns 0 or the error. With a handle, which is set before it
// runs, it is to be joined, else nobody joins it.
int start_thread(void* (*body)(void*), void* arg, pthread_t* handle = nullptr) noexcept;

// How long the calling thread has run on a core so far, in ns. 0.4 us.
std::int64_t own_cpu_time() noexcept;

// A thread as others see it.
struct thread_id {
  pthread_t handle{};
  std::atomic<pid_t> number{0};  // a recording may ask for that of a thread that is just starting
  std::atomic<clockid_t> cpu_clock{0};

  // The thread itself makes the last two known.
  void note_self() noexcept;

  // How long it has run on a core so far, in ns. 0.4 us.
  std::int64_t cpu_time() const noexcept;

  // Does it run, or want to, or does it sleep in the kernel? Some microseconds. Unknown where there is no
  // /proc, or no descriptor to be had.
  enum class state { runnable, asleep, unknown };
  state look() const noexcept;
};

// The lowest address of the calling thread's own stack; 0 if that cannot be found out.
std::uintptr_t thread_stack_bottom() noexcept;

// The core on which the calling thread runs, or -1. 2 ns.
int current_core() noexcept;

// How long the kernel lets the calling thread run before it looks at others on the same core, from Linux 6.12
// on; it does not change how much each may run. A thread with a short slice gets its turn as soon as it wakes
// up, also on a core where one with the usual slice computes (measured here: 5 us instead of up to 4 ms).
enum class time_slice { usual, shortest };
void ask_for_slice(time_slice slice) noexcept;

}  // namespace goro::detail
