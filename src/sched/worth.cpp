#include "sched/worth.hpp"

#include <algorithm>

#include "os/clock.hpp"
#include "os/thread.hpp"
#include "sched/scheduler.hpp"

namespace goro::detail {

namespace {

constexpr std::int64_t k_longest_patience = 10'000'000;    // a time slice
constexpr std::int64_t k_first_extension = 160'000;        // longer than the queue of a thousand takes
constexpr std::int64_t k_short_turn = 4'000;               // ns
constexpr std::int64_t k_fought_turn = 16 * k_short_turn;  // a short turn that must fight for its cache lines
constexpr std::int64_t k_few_turns = 64;
constexpr std::uint64_t k_many_turns = 4096;
constexpr std::int64_t k_first_look = 500'000;  // after the beginning of a stint
constexpr std::int64_t k_probe_period = 50'000'000;

constinit std::atomic<std::int64_t> g_patience{k_least_patience};
constinit std::atomic<std::int64_t> g_probe_due{0};  // when a P may step aside only to find out

// Turns and the time that they took. Several may add at once, and one forget what another adds: it is a guess
// anyway.
struct tally {
  std::atomic<std::uint64_t> turns{0};
  std::atomic<std::int64_t> time{0};

  // What is long ago counts less.
  void add(std::uint64_t n, std::int64_t ns) noexcept {
    const std::uint64_t before = turns.load(std::memory_order_relaxed);
    const int shift = before > k_many_turns ? 1 : 0;
    turns.store((before >> shift) + n, std::memory_order_relaxed);
    time.store((time.load(std::memory_order_relaxed) >> shift) + ns, std::memory_order_relaxed);
  }
  void forget() noexcept {
    turns.store(0, std::memory_order_relaxed);
    time.store(0, std::memory_order_relaxed);
  }
  // Turns in a millisecond; 0 if they are too few to tell, or longer than that.
  std::int64_t rate(std::int64_t longest_turn) const noexcept {
    const auto n = static_cast<std::int64_t>(turns.load(std::memory_order_relaxed));
    const std::int64_t ns = time.load(std::memory_order_relaxed);
    if (n < k_few_turns || ns <= 0 || ns / n > longest_turn) return 0;
    return n * 1'000'000 / ns;
  }
};
constinit tally g_alone;
constinit tally g_together;
constinit std::atomic<const processor*> g_judged{nullptr};  // which P joined last

// A second core is to bring a fifth more at least. A core among many brings too little to see: it must only
// not cost a tenth.
bool worth_it(std::int64_t together, std::int64_t alone, int others) noexcept {
  others = std::max(1, others);
  return together * 100 >= alone * (90 + 30 / others);
}

// Of a verdict. The next stint is judged by itself; and if it was worth it, by what others do then.
void conclude(bool good) noexcept {
  const std::int64_t now = g_patience.load(std::memory_order_relaxed);
  const std::int64_t longer = std::clamp(2 * now, k_first_extension, k_longest_patience);
  g_patience.store(good ? k_least_patience : longer, std::memory_order_relaxed);
  g_together.forget();
  if (good) g_alone.forget();
}

// The one that joined last, if it is not the only one that works.
bool is_judged(const processor* pp) noexcept {
  return g_judged.load(std::memory_order_relaxed) == pp && working_processors() > 1;
}

// What was done since the last call, or the beginning of the stint.
void note_together(stint& s, std::int64_t now) noexcept {
  const std::uint64_t turns = activity();
  g_together.add(turns - s.activity, now - s.begun);
  s.begun = now;
  s.activity = turns;
}

// One P at a time, and not often.
bool may_probe(std::int64_t now) noexcept {
  std::int64_t due = g_probe_due.load(std::memory_order_relaxed);
  return now >= due && g_probe_due.compare_exchange_strong(
                           due, now + k_probe_period, std::memory_order_relaxed, std::memory_order_relaxed);
}

}  // namespace

std::int64_t longest_patience() noexcept { return g_patience.load(std::memory_order_relaxed); }

std::uint64_t activity() noexcept {
  std::uint64_t sum = 0;
  const int made = sched.made.load(std::memory_order_acquire);  // pairs with make_processor()
  for (int i = 0; i != made; ++i) {
    sum += sched.all[i].load(std::memory_order_relaxed)->turns();
  }
  return sum;
}

void note_alone(std::uint64_t turns, std::int64_t ns) noexcept { g_alone.add(turns, ns); }

bool worth_joining() noexcept {
  const std::int64_t together = g_together.rate(k_fought_turn);
  const std::int64_t alone = g_alone.rate(k_short_turn);
  if (together == 0 || alone == 0) return true;
  const bool good = worth_it(together, alone, working_processors());
  conclude(good);
  return good;
}

void begin_stint(processor* pp) noexcept {
  const std::int64_t now = now_ns();
  pp->core.store(current_core(), std::memory_order_relaxed);
  pp->present = {.begun = now, .activity = activity(), .look_at = now + k_first_look};
  g_judged.store(pp, std::memory_order_relaxed);
}

void end_stint(processor* pp) noexcept {
  stint& s = pp->present;
  if (s.begun == 0) return;
  if (is_judged(pp)) note_together(s, now_ns());
  s.begun = 0;
}

bool should_step_aside(processor* pp) noexcept {
  stint& s = pp->present;
  if (s.begun == 0) return false;
  const std::int64_t now = now_ns();
  if (now < s.look_at) return false;
  s.look_at = now + k_first_look;
  if (!is_judged(pp)) return false;
  note_together(s, now);
  const std::int64_t together = g_together.rate(k_fought_turn);
  // Not with goroutines that never ran: through the global queue they would lose their order, newest first,
  // and a tree of them would grow in breadth (skynet: 50 ms become 400).
  if (together == 0 || pp->queue.waits_fresh()) return false;
  const std::int64_t alone = g_alone.rate(k_short_turn);
  if (alone == 0) {
    if (!may_probe(now)) return false;
    g_patience.store(std::max(longest_patience(), k_first_extension), std::memory_order_relaxed);
    return true;
  }
  const bool good = worth_it(together, alone, working_processors() - 1);
  conclude(good);
  return !good;
}

}  // namespace goro::detail
