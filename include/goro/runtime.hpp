// The scheduler as a whole: how many goroutines run at once, what it has done so far.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace goro {

// The number of Ps: how many goroutines hold the right to run at one instant (Go's GOMAXPROCS). One that
// blocks its thread, or computes for longer than 10 ms while others wait, loses that right until it calls
// goro the next time, and runs on meanwhile beside those that hold it. The first value is the number of CPUs
// that the process may use, by its affinity mask and by the CPU quotas of its control groups (rounded up),
// and it follows these, about once in a second; or it is GORO_MAXPROCS. Does not block.
int max_procs() noexcept;

// Sets the number of Ps, for good, and returns the former one; n < 1 only reports, n above 1024 means 1024.
// Takes effect while the program runs: a P that is taken away stops at its goroutine's next call into goro
// that is no fast path (a buffered element, a free mutex, a counter that stays above zero);
// nothing that was queued on it is lost. Safe from any goroutine or thread, several at once.
// (runtime.GOMAXPROCS)
int set_max_procs(int n);

// Sets how many threads the runtime may have, and returns the former value; n < 1 only reports. The first
// value is 10,000. A thread is needed for each P, and for each goroutine that blocks its thread or computes
// for long. A program that needs more ends: "thread exhaustion". That is looked at when the next thread is to
// start: fewer than there are now is no error (debug.SetMaxThreads ends the program). Does not block.
int set_max_threads(int n) noexcept;

// From lock_os_thread on the calling goroutine runs on its present thread only, and nothing else runs there,
// until unlock_os_thread was called as often; an unlock too many does nothing. For libraries that keep state
// in the thread. The goroutine may block and yield meanwhile; each of its turns then costs two wake-ups of
// threads. If it ends while it is locked its thread ends with it. What it starts is not locked. On a plain
// thread they do nothing. lock_os_thread throws std::bad_alloc. (runtime.LockOSThread)
void lock_os_thread();
void unlock_os_thread() noexcept;

// Holds the calling goroutine on its thread in a scope.
class [[nodiscard]] os_thread_lock {
 public:
  os_thread_lock() { lock_os_thread(); }
  ~os_thread_lock() { unlock_os_thread(); }
  os_thread_lock(const os_thread_lock&) = delete;
  os_thread_lock& operator=(const os_thread_lock&) = delete;
};

// The number of goroutines that were started and have not ended; the runtime's own helpers are not counted.
// A snapshot: exact when nothing starts or ends meanwhile. (runtime.NumGoroutine)
std::size_t goroutine_count() noexcept;

// What one P has done since it was made; the names are those of runtime_stats, which holds the sums.
struct processor_stats {
  std::uint64_t switches = 0;
  std::uint64_t yields = 0;
  std::uint64_t preemptions = 0;
  std::uint64_t steals = 0;
  std::uint64_t stolen = 0;
  std::uint64_t overflows = 0;
  std::uint64_t global_runs = 0;
  std::uint64_t timers_fired = 0;
  std::uint64_t queued = 0;  // goroutines that wait here for a turn, now
  bool held = false;         // by a thread, now: it runs goroutines, or looks for some
};

// Counters since the start of the process. Each is exact by itself and never falls; together they are no
// snapshot. What says "now" goes up and down. How often goroutines have begun to wait is not counted (that
// would cost each wait something): it is about switches - yields - preemptions - goroutines_finished.
struct runtime_stats {
  std::uint64_t goroutines_started = 0;
  std::uint64_t goroutines_finished = 0;
  std::uint64_t switches = 0;         // times a goroutine was given the turn
  std::uint64_t yields = 0;           // calls of yield that gave the turn away
  std::uint64_t steals = 0;           // times a P took work from another P
  std::uint64_t stolen = 0;           // goroutines moved by those steals
  std::uint64_t overflows = 0;        // times half a local queue moved to the global queue
  std::uint64_t global_runs = 0;      // goroutines taken from the global queue
  std::uint64_t machine_wakeups = 0;  // times a sleeping thread was woken to look for work
  std::uint64_t timers_fired = 0;
  std::uint64_t preemptions = 0;       // turns that ended because the slice of 10 ms was over
  std::uint64_t handoffs_blocked = 0;  // times a goroutine lost its P because it blocked its thread
  std::uint64_t handoffs_busy = 0;     // times it did because it computed for too long without calling goro
  std::uint64_t goroutines_away = 0;   // running without a P now
  std::uint64_t stalls = 0;         // times one was so for 100 ms or longer, unannounced, and has come back
  std::uint64_t stacks_in_use = 0;  // bound to a goroutine that has started and not ended
  std::uint64_t stacks_cached = 0;  // kept for reuse
  std::uint64_t stack_bytes_reserved = 0;
  std::uint64_t machines = 0;       // threads of the runtime
  std::uint64_t machines_idle = 0;  // those that sleep until they get a P
  std::uint64_t processors = 0;     // max_procs()
  std::uint64_t goroutines = 0;     // goroutine_count()
  std::uint64_t queued_global = 0;  // goroutines that wait in the global queue, now
  std::uint64_t timers_armed = 0;   // sleeps, deadlines, timers and tickers, now
  std::uint64_t poller_looks = 0;   // times the poller was asked what is ready, without waiting
  std::uint64_t poller_sleeps =
      0;  // times a thread slept in it and was woken, by an event or for something else
  std::uint64_t poller_events = 0;   // descriptors that it found ready
  std::uint64_t poller_waiters = 0;  // goroutines and threads that wait for a descriptor, now
  // All Ps that ever were, by number; those from `processors` on are not in use.
  std::vector<processor_stats> per_processor;
};

// Takes some microseconds and the scheduler's lock; allocates. Does not park. From anywhere.
runtime_stats stats();

// Sets how large the stacks of goroutines may become, in bytes, and returns the former value; 0 only reports.
// The first value is 1 GB, or GORO_STACK (a number of bytes, or of K, M or G). Stacks that are in use keep
// the size that they have. With 1 GB the first 256 goroutines that run at once get that much, with another
// value as many as 16 TB of address space hold (250,000 with 64 MB), further ones 256 KB, or the value if
// that is less; go_options::stack() asks for one goroutine. Rounded up to a power of two, at least 64 KB, at
// most 1 TB. Where address space is limited (ulimit -v) all this is smaller. A goroutine that needs more ends
// the process: "stack overflow". Does not block. (debug.SetMaxStack)
std::size_t set_max_stack(std::size_t bytes);

// What happens to an exception that leaves a goroutine's function.
enum class panic_policy {
  end_process,    // report it and exit with code 2, as Go does (the default)
  end_goroutine,  // report it and end that goroutine only
};

// Sets the policy for the whole process; an exception that leaves the main goroutine always ends the process.
// Returns the former one. Does not block.
panic_policy set_panic_policy(panic_policy policy) noexcept;

}  // namespace goro
