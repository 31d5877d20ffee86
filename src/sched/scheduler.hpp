// What all Ps and Ms share, and the operations that the rest of the runtime is built on.
#pragma once

#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>

#include <goro/clock.hpp>
#include <goro/detail/lock.hpp>

#include "base/tls.hpp"
#include "sched/global_queue.hpp"
#include "sched/goroutine.hpp"
#include "sched/machine.hpp"
#include "sched/processor.hpp"
#include "sched/timer_pace.hpp"

namespace goro::detail {

inline constexpr int k_max_procs = 1024;
inline constexpr std::int64_t k_time_slice = 10'000'000;  // ns
inline constexpr std::int64_t k_stall = 100'000'000;      // ns without a P that are worth a word
inline constexpr clock::rep k_stands_by = 0;  // for sentinel_due: it is not to be woken for timers

struct scheduler {
  global_queue<goroutine> global;

  // Idle Ps and Ms, and who watches; guarded by `guard`. The protocol is in idle.cpp.
  lock guard;
  processor* idle_procs = nullptr;
  machine* idle_machines = nullptr;
  relaxed<machine*> watcher{nullptr};
  std::atomic<machine*> sentinel{nullptr};
  std::atomic<clock::rep> sentinel_due{0};  // when it wakes up by itself, or k_stands_by
  timer_pace pace;
  std::atomic<machine*> in_poller{nullptr};  // who sleeps there (rest.cpp); written under `guard`
  std::atomic<machine*> machines{nullptr};   // all that were ever made
  std::atomic<int> machine_count{0};         // those that have a thread
  machine* left = nullptr;                   // whose threads have ended or are about to, to be joined
  int leaving = 0;                           // how many
  machine* spare = nullptr;                  // without a thread, to be used again
  std::atomic<int> max_threads{10'000};

  // Goroutines that run without a P (hand_off.cpp); the latter are those that have lost it because they
  // compute.
  int away = 0;
  int away_busy = 0;
  std::uint64_t busy_returns = 0;  // of the latter
  std::atomic<std::uint64_t> handoffs_blocked{0};
  std::atomic<std::uint64_t> handoffs_busy{0};
  std::atomic<std::uint64_t> stalls{0};

  std::atomic<bool> forked{false};  // this process is a child that has none of the machines
  // Of the thread that made the first use of goro: all machines have it, whoever happens to start them. What
  // a goroutine starts (a process, a thread) inherits it.
  sigset_t signal_mask{};
  std::atomic<std::uint32_t> flush_round{
      0};  // who holds a P gives its caches to the pools when this has changed
  std::atomic<std::uint64_t> signal_stacks{0};  // taken from the pools for threads
  std::atomic<int> helper_count{0};             // the runtime's threads that are no machines
  std::atomic<std::uint64_t> wakeups{0};

  // All Ps ever made; [0, procs) are in use.
  std::atomic<processor*> all[k_max_procs] = {};
  std::atomic<int> made{0};
  std::atomic<int> procs{0};  // 0: not started
  bool procs_chosen = false;  // by the program or its user: then what the kernel allows is not followed

  // Goroutines started by those who hold no P.
  std::atomic<std::uint64_t> foreign_started{0};
  std::atomic<goroutine_id> last_id{1};  // 1 is kept for the first main goroutine

  // Plain threads that are asleep in the runtime with no deadline.
  std::atomic<int> foreign_waiting{0};
  std::atomic<bool> main_exited{false};

  std::atomic<const goroutine*> main_goroutine{nullptr};  // of run()
  std::atomic<int> endless_sleeps{0};  // waits whose deadline is beyond the clock: no deadlock, as in Go
  std::atomic<bool> freezing{false};   // the process is ending: machines stop at their next turn
  const machine* exiting = nullptr;    // the one whose goroutine has called exit(); published by `freezing`
  std::uint64_t shuffle_seed = 0;      // GORO_DEBUG=shuffle=SEED: choose the next goroutine by the dice
};

// Never destroyed: machines use it until the process is gone.
union scheduler_storage {
  scheduler value;
  constexpr scheduler_storage() noexcept : value() {}
  constexpr ~scheduler_storage() {}  // NOLINT(modernize-use-equals-default): a default one would be deleted
};
extern constinit scheduler_storage g_scheduler;
inline constexpr scheduler& sched = g_scheduler.value;

// Starts the scheduler if nobody has; makes the first Ps. (lifecycle.cpp)
void ensure_started();
processor* make_processor();

// All machines: first_machine(), then next_machine. They are never freed.
inline const machine* first_machine() noexcept {
  return sched.machines.load(std::memory_order_acquire);  // pairs with made_machine()
}

// Starts the first machine, if there is none yet: for those who leave work behind and are no machine.
void ensure_machine() noexcept;

// --- the turn (turn.hpp, schedule.cpp, switch.cpp) ---

// Puts runnable goroutines into the global queue and sees to it that somebody looks.
void submit_global(goroutine* gp) noexcept;
void ready_elsewhere(machine* mp, goroutine* gp) noexcept;

// Puts gp at the end of the P's ready ring; if that is full, half of it goes to the global queue.
void queue_ready(processor* pp, goroutine* gp) noexcept;
// The same for the oldest that has not begun; false if there is none. By who holds the P.
bool queue_oldest_fresh(processor* pp) noexcept;

// Gives gp a stack. False if that has to be done from the scheduler's stack, which is then to have the turn.
bool prepare_first_turn(machine* mp, goroutine* gp) noexcept;
void machine_loop(machine* mp) noexcept;  // until its thread is to end

// --- looking for work, sleeping (find_runnable.cpp, idle.cpp, watch.cpp) ---

// Blocks until there is a goroutine to run; the machine holds a P when it returns. Null: its thread is to
// end.
goroutine* find_runnable(machine* mp) noexcept;
std::size_t poll_and_start(machine* mp) noexcept;  // how many events there were; by who holds a P
// Now and then while it has work: gives the short time slice back that an idle one has.
void settle_slice(machine* mp) noexcept;
goroutine* watch(machine* mp) noexcept;  // null: look again from the start
void stop_machine(machine* mp) noexcept;
enum class successor { not_needed, to_be_woken, asleep, stands_by };
successor provide_for_idle() noexcept;  // the scheduler's lock is held
successor begin_resignation(machine* mp) noexcept;
void complete_resignation(successor who) noexcept;         // without the lock
void complete_fenced_resignation(successor who) noexcept;  // [MO-3]: after a heavy_fence since the lock
void resign_watcher(machine* mp) noexcept;
void wake_sentinel() noexcept;
void wake_sentinel_for_work() noexcept;  // by who has submitted some
bool watch_or_sleep(machine* mp) noexcept;
void sleep_as_sentinel(machine* mp) noexcept;
bool all_quiet(
    machine* mp) noexcept;  // the calling machine is still the sentinel, and there is nothing to do
void appoint_watcher() noexcept;
void note_sights() noexcept;  // the scheduler's lock is held, and nobody watches

// The lists of idle Ps and Ms (idle_lists.cpp); the scheduler's lock is held.
void take_into_use(processor* pp, machine* owner) noexcept;
void release_processor(machine* mp) noexcept;
void push_idle_processor(processor* pp) noexcept;
processor* take_idle_processor(const processor* preferred = nullptr) noexcept;  // null: there is none
machine* pop_idle_machine() noexcept;
void push_idle_machine(machine* mp) noexcept;
void remove_idle_machine(machine* mp) noexcept;  // it is there
void hold(machine* mp, processor* pp) noexcept;
// Gives a sleeping machine, which must then be woken, a P; `turn` is who runs first with it, or null.
void assign(machine* mp, processor* pp, goroutine* turn) noexcept;

// How many Ps are held, with the lock or without.
int running_processors() noexcept;  // the watcher's too
int working_processors() noexcept;  // not the watcher's
bool others_run() noexcept;         // but for the caller's

// The calling machine takes an idle P and watches; false if there is none. The scheduler's lock is held.
bool take_watch(machine* mp) noexcept;
bool anything_queued(const processor* but_for = nullptr) noexcept;  // on any other P, or globally
// Ends a machine's sleep. What it is to find has been written under the scheduler's lock.
void rouse(machine* mp) noexcept;
void wake(machine* mp) noexcept;
void sleep_until_assigned(machine* mp, const time_point* deadline) noexcept;
bool every_processor_works() noexcept;               // none is idle, or watches
std::size_t count_waiting(time_point now) noexcept;  // how many wait for their turn, or for a due timer
void look_for_deadlock() noexcept;                   // by a machine that is about to sleep without watching

// --- Ps that change hands (hand_off.cpp, thread_lock.cpp) ---

// A P that its machine gives up: to another one, or it is idle.
void pass_on(processor* pp) noexcept;
// The same for one that is taken from a machine on which there is a claim; false if that has come first.
bool take_away(machine* mp, absence why) noexcept;
void sleep_for_turn(machine* mp) noexcept;
void give_turn_to_home(machine* mp, goroutine* gp) noexcept;

// --- threads (machines.cpp) ---

// Ends the threads of machines that have been idle for so many of the keeper's rounds; as many as there are
// Ps stay. True if there are some that may end later.
bool dismiss_idle_machines(std::uint32_t rounds) noexcept;
// Joins the threads that have ended. True if there were some, or are some left.
bool join_left_machines() noexcept;
void forget_left_machines() noexcept;            // they need not be joined: the process ends
[[noreturn]] void freeze(machine* mp) noexcept;  // the process ends, and this machine stops for good
[[noreturn]] void used_after_fork() noexcept;
void follow_cpu_count() noexcept;
machine* new_machine(
    processor* pp) noexcept;  // one that holds pp, not started yet; the scheduler's lock is held
void start_machine(machine* mp) noexcept;
machine* yield_turn(machine* mp) noexcept;

void spawn_main(goroutine* gp, closure_call call, std::source_location where);

inline void wake_any_sentinel() noexcept {
  if (sched.sentinel.load(std::memory_order_relaxed) != nullptr) [[unlikely]]
    wake_sentinel_for_work();
}
// Called after anything was made runnable.
inline void notify_submit() noexcept {
  light_fence();  // [MO-3]: pairs with the heavy_fence in sleep_as_sentinel()
  wake_any_sentinel();
}
// By who has looked: fences are asymmetric.
inline void notify_submit_where_asymmetric() noexcept {
  real_atomics::light_fence_where_asymmetric();  // [MO-3]
  wake_any_sentinel();
}

// --- time ---

// What a P looks after: its own timers, and those of all Ps that set_max_procs has taken away, for who stays
// busy must not depend on somebody idle. When the first is due, and firing what is due.
time_point first_due(const processor* pp) noexcept;
// Fires what is due in `timers`; returns how many. The machine of pp does it, and pp counts each before
// anybody can see that it has fired: by a sleeper, or by what was sent.
std::size_t fire_due(processor* pp, timer_heap& timers, time_point now) noexcept;
void run_timers(const machine* mp, time_point now) noexcept;
time_point earliest_timer() noexcept;
time_point next_timer_wake() noexcept;  // when somebody idle is to wake up for it
void tell_of_timers(
    const processor* pp) noexcept;  // those who sleep; before a goroutine runs that may compute
void arm_timer(timer_node& t);
// For a wait that has begun; the process ends, in words, if there is no memory.
void arm_timer_of_wait(timer_node& t) noexcept;
void rearm_timer(
    timer_node& t);  // by its own function: in the heap where it was, in which others look for it

// --- entering the runtime ---

// The machine was called: somebody wants its P, or something else. The goroutine may go on on another one.
void answer_call(machine* mp) noexcept;

// After an entry at which something was noted: answers a call, if it is one. Returns the present machine.
machine* look_closer(machine* mp) noexcept;

// Stands in every public operation that touches what belongs to a P. Its machine is the present one until the
// next switch, after which moved() says which it is. On a plain thread it is null.
class runtime_entry {
 public:
  runtime_entry() noexcept : mp_(current_machine()) {
    race_hide();
    if (mp_) enter();
  }
  // By who has looked already: `mp` is current_machine(), and not null.
  explicit runtime_entry(machine* mp) noexcept : mp_(mp) {
    race_hide();
    enter();
    if (!mp_) __builtin_unreachable();
  }
  // By a goroutine, in what nothing of the runtime calls: no other entry is around this one.
  enum outermost_tag { outermost };
  runtime_entry(machine* mp, outermost_tag) noexcept : mp_(mp) {
    race_hide();
    look();
    if (!mp_) __builtin_unreachable();
  }
  ~runtime_entry() {
    if (mp_) mp_->hold.leave(static_cast<std::uint8_t>(was_inside_));
    race_show();
  }
  void moved(machine* mp) noexcept { mp_ = mp; }
  runtime_entry(const runtime_entry&) = delete;
  runtime_entry& operator=(const runtime_entry&) = delete;

  machine* mp() const noexcept { return mp_; }
  // On entry: is there anything that the usual turn need not heed?
  bool noted() const noexcept { return noted_ != 0; }
  lock_places* places() const noexcept { return mp_ ? &mp_->places : nullptr; }

 private:
  void enter() noexcept {
    was_inside_ = mp_->hold.position();
    look();
  }
  // Within another entry a call is not answered: the goroutine might go on as another machine's, and who made
  // the outer one would not know. There it waits for the next one.
  void look() noexcept {
    noted_ = mp_->hold.enter() ? 1 : 0;
    if (noted() && was_inside_ == 0) [[unlikely]]
      mp_ = look_closer(mp_);
  }

  machine* mp_;
  // Was it before? The scheduler's own stack always is: a timer that fires sends, or starts a goroutine.
  // Whole words, because this stands in the frames of all who park: seven bytes of an old pointer beside one
  // of a flag look like another pointer to the search for handles (diag/unreachable.cpp), which is how a lost
  // goroutine was missed.
  std::uintptr_t was_inside_ = 0;
  std::uintptr_t noted_ = 0;
};

// Gives the turn to the goroutine that the caller has just made ready; the caller goes to the end of the
// queue.
void hand_over_turn(runtime_entry& entry) noexcept;

}  // namespace goro::detail
