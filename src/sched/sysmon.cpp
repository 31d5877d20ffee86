// Sysmon looks at every P that is held, and takes it away from a machine that makes nothing of it.
//
// A P counts its turns. While they go on, all is well. If it stands still, somebody waits for a P, and the
// machine is outside of the runtime, its goroutine has either
//
//   blocked its thread: in a system call, on a std::mutex, in a page fault that waits for a disk.
//     The thread uses less than an eighth of a core, and the kernel says that it sleeps now. (The clock alone
//     does not tell: that of a thread that has lost its core to others stands still, too.) The P is taken at
//     once; or, if nobody waits for it, after a time slice, so that whoever comes later finds it idle.
//
//   or it is busy: it computes. It may do so for a time slice of 10 ms, then the P is taken.
//     When so many Ps have been taken from the busy that their threads would become a crowd
//     (64 + 4 x max_procs), the slice is 100 ms, of the thread's own time on a core: a batch of long
//     computations is then shared out as by a pool of threads. Should none of the crowd come back for a
//     second they are loops that never will: then 100 ms on the clock are enough, until the crowd is four
//     times as large. (Among 70 threads on two cores 100 ms of a thread's own time take 3.5 s.)
//
// A machine that is inside of the runtime keeps its P; the claim stands until it enters the next time, and
// there its goroutine gives the turn to others: that is how a slice ends for a goroutine that calls goro
// often. Sysmon looks again right after that, because the next slice is counted from the look that sees it.
//
// Between two looks sysmon sleeps: 20 us while something was taken lately, up to 10 ms when there was nothing
// to do; it wakes up when the first slice that may be over is, and for the timers of Ps that stand still.
// While no P is held it sleeps for ever.
#include "sched/sysmon.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "diag/fatal.hpp"
#include "diag/stall.hpp"
#include "os/clock.hpp"
#include "os/thread.hpp"
#include "poll/poller.hpp"
#include "sched/helper_thread.hpp"
#include "sched/scheduler.hpp"
#include "sched/worth.hpp"

namespace goro::detail {

namespace {

constexpr std::int64_t k_long_slice = 10 * k_time_slice;
constexpr std::int64_t k_hopeless = 1'000'000'000;  // nobody has come back for so long
constexpr std::int64_t k_shortest_nap = 20'000;
constexpr std::int64_t k_longest_nap = 10'000'000;
constexpr std::int64_t k_long_quiet = 100'000'000;  // no P is held for so long: to sleep for ever
// Until one that is called has the next turn, whose slice counts; longer each time that it has not.
constexpr std::int64_t k_next_turn = 100'000;
constexpr int k_most_doublings = 6;
constexpr int k_short_naps = 10;          // before they become longer
constexpr std::int64_t k_least_part = 8;  // who uses less of a core than this part is not busy

constinit helper_thread g_sysmon;
machine* g_to_start = nullptr;  // by way of next_left; guarded by the scheduler's lock

// What was seen of one P's turn.
struct observation {
  std::uint32_t tenure = 0;  // whose
  std::uint64_t turns = 0;
  std::int64_t since = 0;   // when it was seen first
  std::int64_t looked = 0;  // when the thread's clock was read, and what it said then and at first
  std::int64_t cpu = -1;    // -1: not yet
  std::int64_t cpu_at_first = -1;
  std::int64_t idle_since = 0;  // the thread has not run at all
  int calls = 0;                // how often it was told, inside, that its slice is over
};

enum class state { fine, blocked, busy };

// A machine that may lose its P.
struct candidate {
  machine* owner = nullptr;
  absence why;
};

struct notebook {
  std::array<observation, k_max_procs> turns;
  std::array<candidate, k_max_procs> candidates;  // of one look
  int first = 0;                                  // where it begins: not always with the same P

  // Do those who are busy without a P come back?
  std::uint64_t returns = 0;
  std::int64_t returned_at = 0;
};

// One look at all Ps.
class look {
 public:
  explicit look(notebook& n, std::int64_t now) noexcept
      : notes_(n),
        now_(now),
        all_work_(every_processor_works()),
        waiting_(all_work_ ? count_waiting(time_point(clock::duration(now))) : 0) {}

  // True if a P was taken.
  bool run() noexcept {
    const int made = sched.made.load(std::memory_order_acquire);  // pairs with make_processor()
    if (made == 0) return false;
    notes_.first = (notes_.first + 1) % made;
    for (int i = 0; i != made; ++i)
      visit(*sched.all[(notes_.first + i) % made].load(std::memory_order_relaxed));
    return take_from_candidates();
  }

  bool any_held() const noexcept { return any_held_; }
  bool hurries() const noexcept { return hurries_; }                // somebody seems to have blocked just now
  std::int64_t next_event() const noexcept { return next_event_; }  // when it is worth while to look again

 private:
  void visit(processor& pp) noexcept {
    machine* owner = pp.owner.load(std::memory_order_acquire);  // pairs with take_into_use()
    if (!owner) return;
    any_held_ = true;
    observation& turn = notes_.turns[static_cast<std::size_t>(pp.id)];
    const std::uint32_t tenure = pp.tenure.load(std::memory_order_relaxed);
    const std::uint64_t turns = pp.turns();
    const bool moves = tenure != turn.tenure || turns != turn.turns;
    if (moves) turn = {.tenure = tenure, .turns = turns, .since = now_};
    const bool outside = !owner->hold.inside();
    if (waiting_ != 0) note_event(turn.since + k_time_slice);
    // Its machine looks after its timers, unless it stands still, and others may all be blocked as well. (Who
    // watches is inside, and stands still.)
    if (!moves && (outside || all_work_)) note_event(pp.timers.next_due().time_since_epoch().count());
    decide(owner, turn, outside ? judge(*owner, turn) : state::fine);
  }

  void note_event(std::int64_t when) noexcept {
    if (when > now_) next_event_ = std::min(next_event_, when);
  }

  void decide(machine* owner, observation& turn, state found) noexcept {
    const bool over = now_ - turn.since >= k_time_slice;
    if (found == state::blocked && (waiting_ != 0 || over)) {
      add_candidate(owner, turn, absence_reason::blocked);
    } else if (found != state::blocked && waiting_ != 0 && over) {
      owner->hold.want();
      if (found == state::fine) note_event(now_ + (k_next_turn << std::min(turn.calls++, k_most_doublings)));
      // One for each who waits.
      if (found == state::busy && busy_ < waiting_ && may_take_busy(turn)) {
        ++busy_;
        add_candidate(owner, turn, absence_reason::busy);
      }
    }
  }

  // The goroutine is outside of the runtime.
  state judge(const machine& owner, observation& turn) noexcept {
    const std::int64_t cpu = owner.thread.cpu_time();
    const bool first = turn.cpu < 0;
    if (first) turn.cpu_at_first = cpu;
    if (cpu != turn.cpu) turn.idle_since = now_;
    const std::int64_t used = cpu - turn.cpu;
    const std::int64_t passed = now_ - turn.looked;
    turn.cpu = cpu;
    turn.looked = now_;
    if (!first && used * k_least_part >= passed) return state::busy;
    const bool sleeps = is_asleep(owner, turn);
    if (!first) return sleeps ? state::blocked : state::busy;
    hurries_ |= sleeps && waiting_ != 0;
    return state::fine;
  }

  // Where the kernel does not say, a thread that has not run at all for ten slices is taken for one that
  // sleeps.
  bool is_asleep(const machine& owner, const observation& turn) const noexcept {
    const thread_id::state s = owner.thread.look();
    if (s == thread_id::state::unknown) return now_ - turn.idle_since >= k_long_slice;
    return s == thread_id::state::asleep;
  }

  bool may_take_busy(const observation& turn) noexcept {
    const int crowd = 64 + 4 * sched.procs.load(std::memory_order_relaxed);
    const int away = look_at_busy(crowd) + static_cast<int>(busy_);
    if (away < crowd || turn.cpu - turn.cpu_at_first >= k_long_slice) return true;
    return now_ - notes_.returned_at >= k_hopeless && now_ - turn.since >= k_long_slice && away < 4 * crowd;
  }

  // How many are busy without a P.
  int look_at_busy(int crowd) noexcept {
    const lock_guard guard(sched.guard);
    if (notes_.returns != sched.busy_returns || sched.away_busy < crowd) notes_.returned_at = now_;
    notes_.returns = sched.busy_returns;
    return sched.away_busy;
  }

  void add_candidate(machine* owner, const observation& turn, absence_reason reason) noexcept {
    owner->hold.want();
    notes_.candidates[count_++] = {.owner = owner, .why = {.reason = reason, .since = turn.since}};
  }

  bool take_from_candidates() noexcept {
    if (count_ == 0) return false;
    heavy_fence();  // [MO-4]
    bool any = false;
    for (std::size_t i = 0; i != count_; ++i)
      any |= take_away(notes_.candidates[i].owner, notes_.candidates[i].why);
    return any;
  }

  notebook& notes_;
  const std::int64_t now_;
  const bool all_work_;
  const std::size_t waiting_;  // how many while there is no P for them
  std::size_t busy_ = 0;
  std::size_t count_ = 0;
  bool any_held_ = false;
  bool hurries_ = false;
  std::int64_t next_event_ = time_point::max().time_since_epoch().count();
};

// How long to sleep.
class pace {
 public:
  std::int64_t next_nap(bool hurry) noexcept {
    if (hurry) {
      nap_ = k_shortest_nap;
      short_naps_ = 0;
    } else if (++short_naps_ > k_short_naps) {
      nap_ = std::min(2 * nap_, k_longest_nap);
    }
    return nap_;
  }

 private:
  std::int64_t nap_ = k_shortest_nap;
  int short_naps_ = 0;
};

bool may_sleep_for_ever() noexcept {
  const lock_guard guard(sched.guard);
  if (running_processors() != 0 || g_to_start) return false;
  g_sysmon.fall_asleep();
  return true;
}

// All who hold a P compute, or block their threads.
bool nobody_looks_into_poller() noexcept {
  return poll_is_due() && !sched.in_poller.load(std::memory_order_relaxed) && running_processors() != 0;
}

void start_machines() noexcept {
  machine* mp = nullptr;
  {
    const lock_guard guard(sched.guard);
    mp = std::exchange(g_to_start, nullptr);
  }
  while (mp) start_machine(std::exchange(mp, std::exchange(mp->next_left, nullptr)));
}

void* sysmon_thread(void*) {
  race_hide();
  ask_for_exact_sleeps();
  ask_for_slice(time_slice::shortest);
  static constinit notebook notes;
  pace rhythm;
  std::int64_t last_held = now_ns();
  while (!sched.freezing.load(std::memory_order_relaxed)) {
    start_machines();
    const std::int64_t now = now_ns();
    if (nobody_looks_into_poller()) poll_now(nullptr);
    look present(notes, now);
    const bool took = present.run();
    const bool stalls_to_report = report_stalls(now);
    if (present.any_held()) last_held = now;
    if (now - last_held >= k_long_quiet && !stalls_to_report && may_sleep_for_ever()) {
      g_sysmon.sleep_until_roused();
      rhythm = {};
      last_held = now_ns();
      continue;
    }
    const std::int64_t nap = rhythm.next_nap(took || present.hurries());
    const std::int64_t until = std::max(std::min(now + nap, present.next_event()), now + k_shortest_nap);
    g_sysmon.sleep_until(time_point(clock::duration(until)));
  }
  for (note never;;) never.sleep();  // the process is ending
}

}  // namespace

void rouse_sysmon() noexcept { g_sysmon.rouse(); }

void have_started(machine* mp) noexcept {
  {
    const lock_guard guard(sched.guard);
    mp->next_left = std::exchange(g_to_start, mp);
    g_sysmon.rouse();
  }
  g_sysmon.hurry();
}

void start_sysmon() noexcept {
  if (!start_helper(sysmon_thread)) fatal("goro: cannot start the thread that watches the others");
}

}  // namespace goro::detail
