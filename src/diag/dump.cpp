// The dump: who is there, what each waits for, where.
//
//   1. The numbers of all goroutines; the first k_most_stacks of them, by number, are looked at.
//   2. They are taken in batches, each claimed, fenced, held one by one and walked over (stack/parked.hpp).
//      Who runs meanwhile is tried again some times. While one is held nothing is allocated: it may have to
//      wait for that.
//   3. Those of equal state, stack and place of creation make a group.
//   4. The stack of each group is looked up in the debug information, last and once.
//
// So the dump is no snapshot: each goroutine is seen at a moment of its own, and nobody is stopped. It takes
// no lock of the scheduler, and can be made while all threads compute, or while all wait.
#include "diag/dump.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include <goro/detail/fence.hpp>

#include "diag/describe.hpp"
#include "diag/goroutine_groups.hpp"
#include "sched/scheduler.hpp"
#include "stack/parked.hpp"

namespace goro::detail {

namespace {

constexpr std::size_t k_most_stacks = 10'000;
constexpr std::size_t k_most_groups = 1'000;
constexpr std::size_t k_most_numbers = 20;  // of one group

struct candidate {
  goroutine_id id = 0;
  goroutine* gp = nullptr;
  parked_state former = parked_state::untouched;
  bool claimed = false;
  void* sp = nullptr;
};

// The lock of the passes, if it is to be had: who reports an error may be the one that holds it.
class pass {
 public:
  pass() noexcept {
    constexpr std::chrono::milliseconds k_nap{1};
    constexpr int k_patience = 2000;
    for (int i = 0; asymmetric_fences && !held_ && i != k_patience; ++i) {
      held_ = pass_lock().try_acquire();
      if (!held_) std::this_thread::sleep_for(k_nap);
    }
  }
  ~pass() {
    if (held_) pass_lock().release();
  }
  pass(const pass&) = delete;
  pass& operator=(const pass&) = delete;

  bool held() const noexcept { return held_; }

 private:
  bool held_ = false;
};

void claim(std::span<candidate> those) noexcept {
  for (candidate& c : those) {
    c.sp = nullptr;
    c.former = c.gp->parked.load(std::memory_order_relaxed);
    const bool free = c.former != parked_state::claimed && c.former != parked_state::held;
    c.claimed = free && claim_parked(*c.gp, c.former);
  }
  heavy_fence();  // [MO-7]
  for (candidate& c : those) {
    if (!c.claimed) continue;
    c.sp = saved_context(*c.gp);
    if (!c.sp) withdraw_claim(*c.gp, c.former);
  }
  heavy_fence();  // [MO-7]: and what was saved before sp
}

// Walks over the stack, if the goroutine has not run since it was claimed. Everything that is read of it
// before it is let go is of one moment.
bool walk_stack(const candidate& c, sighting& s) noexcept {
  if (!c.sp || !hold_parked(*c.gp)) return false;
  s.id = c.gp->id.load(std::memory_order_relaxed);
  s.status = c.gp->status.load(std::memory_order_acquire);  // pairs with transition()
  const bool first = c.former == parked_state::untouched;
  if (first) notice(*c.gp, now_in_seconds());
  s.seconds = seconds_parked(*c.gp);
  trace_saved(s.trace, c.sp, c.gp->stack()->top);
  let_go(*c.gp, first ? parked_state::seen : c.former);
  return true;
}

missing why_not(const goroutine& g, g_status status) noexcept {
  if (usual(status) == g_status::running) return missing::running;
  if (g.fresh()) return missing::begun;
  return asymmetric_fences ? missing::unsteady : missing::fences;
}

// Names and places are copied from a descriptor that may end meanwhile: then they may be its successor's.
void fill_in(const goroutine& g, sighting& s) {
  s.state = state_of(g, s.status);
  if (is_locked(s.status)) s.state += ", locked to thread";
  s.where = g.where.load(std::memory_order_relaxed);
  s.creator = g.creator.load(std::memory_order_relaxed);
  s.name = name_of(g);
  s.labels = labels_of(g);
}

// Calls take(sighting) for each that has not ended. The calling goroutine's stack is the one that the caller
// stands on.
template <class Take>
void look_at(std::span<candidate> those, const Take& take) {
  constexpr int k_attempts = 5;
  constexpr std::chrono::microseconds k_nap{20};  // a turn or two
  const machine* mp = current_machine();
  const goroutine* self = mp ? mp->curg.get() : nullptr;
  const pass one_at_a_time;
  for (int attempt = 1; !those.empty(); ++attempt) {
    if (one_at_a_time.held()) claim(those);
    std::size_t again = 0;
    for (candidate& c : those) {
      sighting s;
      if (!one_at_a_time.held() || !walk_stack(c, s)) {
        s.status = c.gp->status.load(std::memory_order_acquire);  // pairs with transition()
        s.id = c.gp->id.load(std::memory_order_relaxed);
        if (c.gp == self) {
          trace_caller(s.trace);
        } else {
          s.lacks = why_not(*c.gp, s.status);
        }
      }
      if (s.status == g_status::dead || s.id != c.id) continue;
      if (s.lacks == missing::unsteady && one_at_a_time.held() && attempt != k_attempts) {
        those[again++] = c;
        continue;
      }
      fill_in(*c.gp, s);
      take(s);
    }
    those = those.first(again);
    if (again != 0) std::this_thread::sleep_for(k_nap);
  }
}

std::vector<candidate> everybody() {
  std::vector<candidate> all;
  for_each_descriptor([&all](goroutine& g) {
    if (g.status.load(std::memory_order_acquire) == g_status::dead) return;  // pairs with transition()
    all.push_back({.id = g.id.load(std::memory_order_relaxed), .gp = &g});
  });
  return all;
}

bool by_id(const candidate& a, const candidate& b) noexcept { return a.id < b.id; }

std::string created_at(const std::string& place, const std::string& by) {
  return "created at " + place + by + "\n";
}

// --- groups ---

std::string state_in_words(const goroutine_group& g) {
  const auto [least, most] = std::minmax_element(
      g.members.begin(), g.members.end(), [](const auto& a, const auto& b) { return a.seconds < b.seconds; });
  const std::uint32_t fewest = least->seconds / 60;
  const std::uint32_t minutes = most->seconds / 60;
  if (minutes == 0) return g.state;
  const std::string how_long = (fewest == minutes ? "" : std::to_string(fewest) + " to ") +
                               std::to_string(minutes) + (minutes == 1 ? " minute" : " minutes");
  // As in Go the thread comes last.
  const std::size_t comma = g.state.find(", locked");
  if (comma == g.state.npos) return g.state + ", " + how_long;
  return g.state.substr(0, comma) + ", " + how_long + g.state.substr(comma);
}

std::string header(const goroutine_group& g) {
  const std::string state = " [" + state_in_words(g) + "]";
  if (g.members.size() == 1) {
    const goroutine_group::member& one = g.members[0];
    return title(one.id, one.name) + state + labels_in_words(one.labels) + ":\n";
  }
  std::string text = std::to_string(g.members.size()) + " goroutines" + state + ":";
  const char* separator = " ";
  for (std::size_t i = 0; i != std::min(g.members.size(), k_most_numbers); ++i) {
    const goroutine_group::member& m = g.members[i];
    text += separator + std::to_string(m.id) + (m.name.empty() ? "" : " " + in_quotes(m.name)) +
            labels_in_words(m.labels);
    separator = ", ";
  }
  return text + (g.members.size() > k_most_numbers ? ", ...\n" : "\n");
}

std::string created_by(const goroutine_group& g) {
  const goroutine_id first = g.members.front().creator;
  const bool one =
      std::all_of(g.members.begin(), g.members.end(), [first](const auto& m) { return m.creator == first; });
  if (!one) return " in several goroutines";
  return first == 0 ? "" : " in goroutine " + std::to_string(first);
}

std::string in_words(const goroutine_group& g) {
  return header(g) + in_words(g.trace) + in_words(g.lacks) + created_at(g.place, created_by(g));
}

std::string describe(const goroutine& g, const std::string& stack) {
  const g_status status = g.status.load(std::memory_order_relaxed);
  const goroutine_id creator = g.creator.load(std::memory_order_relaxed);
  return title_of(g) + " [running" + (is_locked(status) ? ", locked to thread" : "") + "]" +
         labels_in_words(labels_of(g)) + ":\n" + stack +
         created_at(place_of(g.where.load(std::memory_order_relaxed)),
                    creator != 0 ? " in goroutine " + std::to_string(creator) : "");
}

}  // namespace

const char* in_words(missing what) noexcept {
  switch (what) {
    case missing::nothing:
      return "";
    case missing::begun:
      return "\t(it has not begun)\n";
    case missing::running:
      return "\tgoroutine running on other thread; stack unavailable\n";
    case missing::unsteady:
      return "\tgoroutine running while it was looked at; stack unavailable\n";
    case missing::fences:
      return "\tstack unavailable: the kernel grants no membarrier\n";
  }
  return "";
}

std::string describe_caller(const goroutine& g) {
  stack_trace trace;
  trace_caller(trace);
  return describe(g, in_words(trace));
}

std::string describe_thread() {
  stack_trace trace;
  trace_caller(trace);
  return "thread " + std::to_string(::gettid()) + " [running]:\n" + in_words(trace);
}

std::string describe_panic(const goroutine& g, panic_stage stage) {
  if (stage == panic_stage::unwound)
    return describe(g, g.extras && !g.extras->thrown_at.empty()
                           ? in_words(g.extras->thrown_at.front(), trace_of::exception)
                           : std::string());
  stack_trace trace;
  trace_caller(trace);
  return describe(g, in_words(trace, trace_of::exception));
}

stacks_seen look_at_oldest(std::size_t most, const std::function<void(sighting&)>& take,
                           const goroutine* but) {
  constexpr std::size_t k_batch = 64;
  std::vector<candidate> all = everybody();
  std::erase_if(all, [but](const candidate& c) { return c.gp == but; });
  const std::size_t looked_at = std::min(all.size(), most);
  std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(looked_at), all.end(), by_id);
  const stacks_seen seen{.last = looked_at < all.size() ? all[looked_at].id - 1 : k_every_id,
                         .left_out = all.size() - looked_at};
  for (std::span<candidate> rest(all.data(), looked_at); !rest.empty();) {
    const std::size_t n = std::min(rest.size(), k_batch);
    look_at(rest.first(n), take);
    rest = rest.subspan(n);
  }
  return seen;
}

std::string describe_all(const goroutine* but) {
  goroutine_groups found;
  const stacks_seen seen = look_at_oldest(k_most_stacks, [&found](sighting& s) { found.add(s); }, but);
  std::string text;
  const std::vector<goroutine_group> all = found.take();
  std::size_t left_out = 0;
  for (std::size_t i = 0; i != all.size(); ++i) {
    if (i < k_most_groups) {
      text += in_words(all[i]) + "\n";
    } else {
      left_out += all[i].members.size();
    }
  }
  if (left_out != 0) {
    text += "... and " + std::to_string(left_out) + " more goroutines with " +
            std::to_string(all.size() - k_most_groups) + " other stacks\n";
  }
  if (seen.left_out != 0) {
    text +=
        "... and " + std::to_string(seen.left_out) + " more goroutines, whose stacks were not looked at\n";
  }
  return text;
}

std::string describe_those(std::span<const goroutine_id> ids) {
  std::vector<candidate> all = everybody();
  std::erase_if(all,
                [ids](const candidate& c) { return std::find(ids.begin(), ids.end(), c.id) == ids.end(); });
  goroutine_groups found;
  look_at(all, [&found](sighting& s) { found.add(s); });
  std::string text;
  for (const goroutine_group& g : found.take()) text += in_words(g) + "\n";
  return text;
}

std::string describe_stack(goroutine_id id) {
  std::vector<candidate> all = everybody();
  std::erase_if(all, [id](const candidate& c) { return c.id != id; });
  std::string text;
  look_at(all, [&text](sighting& s) { text = in_words(s.trace) + in_words(s.lacks); });
  return text;
}

}  // namespace goro::detail
