// A goroutine that waits for a channel that nobody else can get at.
//
// The number of handles says nothing: they are shared by reference, and captured, and a handle may lie in the
// memory of somebody who is gone as well. So memory is searched, as a conservative garbage collector does it,
// for a word that points into one of the goroutine's channels, or to where its own handles may be: its stack,
// and its captures. If there is none outside of these, it is never woken.
//
//   1. Nothing else may move: see standstill.hpp.
//   2. What the program's other threads keep in registers must be in memory. So they stand in a wait of the
//      runtime's, which saves them (spill_registers). If one sleeps somewhere else, nothing is known.
//   3. For each goroutine in question: its channels (chan_waits.hpp). Timers' channels are not looked for.
//   4. Every page of the process that anybody has written is searched: but of stacks only what is in use, not
//      the channels themselves, dead descriptors, the goroutine's own, and the memory of the search.
//   5. Nothing has moved: what is left is true, and stays so, as nobody can wake those.
//
// A word that only looks like a pointer, or is left over in freed memory, makes that one is not found, and
// never the other way round. What is not seen is a reference that is no pointer in memory: one that only the
// kernel has (a pipe, epoll's data), or that is disguised. Two that wait for each other's channels are not
// found either: each has a handle that the other one might use.
//
// The search keeps what it looks for in pages of its own, which it leaves out. 100 MB take 70 ms.
// Rejected: to stop the threads by signals, as collectors do. This library sends none.
#include "diag/unreachable.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <new>
#include <thread>

#include "base/sanitizers.hpp"
#include "diag/chan_waits.hpp"
#include "diag/memory_search.hpp"
#include "diag/standstill.hpp"
#include "os/memory.hpp"
#include "os/own_memory.hpp"
#include "os/thread.hpp"
#include "sched/scheduler.hpp"
#include "sched/waiting_thread.hpp"
#include "stack/stack_pool.hpp"

namespace goro::detail {

namespace {

constexpr std::size_t k_core = sizeof(chan_core);
static_assert(k_core % 16 == 0,
              "malloc's next block, which malloc points to, begins behind it, not in its last word");

struct suspect {
  const goroutine* gp = nullptr;
  goroutine_id id = 0;
  chan_waits waits;
  bool reachable = false;
};

struct target {
  address_range what;
  suspect* whose = nullptr;
};

// All that holds the addresses that are looked for.
struct workspace {
  static constexpr std::size_t k_most = 256;

  std::array<suspect, k_most> suspects;
  std::array<target, k_most*(chan_waits::k_most + 2)> targets;
  stack_words stack;
  memory_search::buffer page;
};

class own_pages {
 public:
  own_pages() : memory_(map_memory(sizeof(workspace))) {
    if (!memory_) throw std::bad_alloc();
    ::new (memory_) workspace;
  }
  ~own_pages() { unmap_memory(memory_, sizeof(workspace)); }
  own_pages(const own_pages&) = delete;
  own_pages& operator=(const own_pages&) = delete;

  workspace& operator*() const noexcept { return *std::launder(reinterpret_cast<workspace*>(memory_)); }
  address_range all() const noexcept {
    const auto first = reinterpret_cast<std::uintptr_t>(memory_);
    return {.first = first, .end = first + sizeof(workspace)};
  }

 private:
  std::byte* memory_;
};

class search {
 public:
  // What the caller's callers have on the stack begins at `stack`.
  search(const own_pages& pages, std::uintptr_t stack)
      : pages_(pages), w_(*pages), stack_(stack), words_(w_.page) {}

  bool find_suspects(std::span<const goroutine_id> those);
  bool any() const noexcept { return suspects_ != 0; }
  // False if it could not be finished.
  bool run(const standstill& now);

  void add_found(std::vector<never_woken>& found) const {
    for (std::size_t i = 0; i != suspects_; ++i) {
      const suspect& s = w_.suspects[i];
      if (s.reachable) continue;
      found.push_back(
          {.id = s.id,
           .reason = s.waits.count == 1 ? never_woken::why::no_handle : never_woken::why::no_handles});
    }
  }

 private:
  void add_target(std::uintptr_t first, std::uintptr_t end, suspect& s) noexcept {
    w_.targets[targets_++] = {.what = {.first = first, .end = end}, .whose = &s};
  }
  void sort_targets();
  void leave_out_pools();
  void leave_out_unused_stacks(const std::vector<mapping>& all, const standstill& now);
  bool search_stacks();
  void search_stack(const goroutine& g, std::uintptr_t sp);
  void meet(std::uintptr_t at, std::uintptr_t word, const goroutine* whose) noexcept;
  static bool is_idle(std::uintptr_t at) noexcept;

  const own_pages& pages_;
  workspace& w_;
  std::uintptr_t stack_;
  memory_search words_;
  std::size_t suspects_ = 0;
  std::size_t targets_ = 0;
};

// --- step 3 ---

bool search::find_suspects(std::span<const goroutine_id> those) {
  if (!words_.memory().usable()) return false;
  for_each_descriptor([&](const goroutine& g) {
    const wait_reason reason = g.reason.load(std::memory_order_relaxed);
    const goroutine_id id = g.id.load(std::memory_order_relaxed);
    if (usual(g.status.load(std::memory_order_acquire)) != g_status::waiting ||  // pairs with transition()
        (reason != wait_reason::chan_receive && reason != wait_reason::chan_send &&
         reason != wait_reason::select) ||
        suspects_ == workspace::k_most || !std::binary_search(those.begin(), those.end(), id))
      return;
    suspect& s = w_.suspects[suspects_];
    s = {.gp = &g, .id = id, .waits = {}, .reachable = false};
    if (find_chan_waits(g, words_.memory(), w_.stack, s.waits)) ++suspects_;
  });
  for (std::size_t i = 0; i != suspects_; ++i) {
    suspect& s = w_.suspects[i];
    add_target(s.waits.stack_first, s.waits.stack_end, s);
    add_target(s.waits.captures_first, s.waits.captures_end, s);
    for (std::size_t k = 0; k != s.waits.count; ++k)
      add_target(s.waits.cores[k], s.waits.cores[k] + k_core, s);
  }
  sort_targets();
  return true;
}

void search::sort_targets() {
  if (!any()) return;
  const auto end = w_.targets.begin() + static_cast<std::ptrdiff_t>(targets_);
  std::sort(w_.targets.begin(), end,
            [](const target& x, const target& y) { return x.what.first < y.what.first; });
  words_.look_for({.first = w_.targets[0].what.first, .end = w_.targets[targets_ - 1].what.end});
}

// --- step 4 ---

void search::leave_out_pools() {
  for_each_pool(
      [](stack_pool& pool, void* self) {
        pool.for_each_region(
            [](const std::byte* first, std::size_t bytes, void* arg) {
              const auto at = reinterpret_cast<std::uintptr_t>(first);
              static_cast<memory_search*>(arg)->leave_out({.first = at, .end = at + bytes});
            },
            self);
      },
      &words_);
}

// Of those threads whose stack is known to be all that lies there. A machine has nothing of the program's
// below where it left its own stack last: frames of the runtime, which may contain words that others left
// behind. That a machine ends meanwhile does no harm: who gets its stack makes a standstill that does not
// last.
void search::leave_out_unused_stacks(const std::vector<mapping>& all, const standstill& now) {
  constexpr std::uintptr_t k_red_zone =
      512;  // below the stack pointer, and what a system call's function has there
  const auto leave_out_below = [&](std::uintptr_t used, bool if_main) {
    for (const mapping& m : all) {
      if (used >= m.first && used < m.end && (!if_main || m.main_stack))
        words_.leave_out({.first = m.first, .end = used});
    }
  };
  for (const other_thread& t : now.programs) leave_out_below(t.sp - k_red_zone, true);
  for (const machine* mp = first_machine(); mp; mp = mp->next_machine) {
    if (mp->system_sp) leave_out_below(reinterpret_cast<std::uintptr_t>(mp->system_sp), false);
  }
  if (const std::uintptr_t bottom = thread_stack_bottom(); !current_machine() && bottom != 0)
    words_.leave_out({.first = bottom, .end = stack_});
}

bool search::run(const standstill& now) {
  std::vector<mapping> all;
  if (!own_mappings(all)) return false;
  words_.leave_out(pages_.all());
  leave_out_pools();
  leave_out_unused_stacks(all, now);
  return search_stacks() &&
         words_.search(all, [this](std::uintptr_t at, std::uintptr_t word) { meet(at, word, nullptr); });
}

bool search::search_stacks() {
  const machine* mp = current_machine();
  const goroutine* caller = mp ? mp->curg.get() : nullptr;
  bool complete = true;
  for_each_descriptor([&](const goroutine& g) {
    const g_status status = usual(g.status.load(std::memory_order_acquire));  // pairs with transition()
    if (status == g_status::dead || g.fresh()) return;
    // Pairs with the heavy fence of the standstill: the switch saves it by a plain store.
    const auto sp = reinterpret_cast<std::uintptr_t>(g.sp.load(std::memory_order_acquire));
    if (&g == caller) {
      search_stack(g, stack_);
    } else if (sp != 0 && status != g_status::running) {
      search_stack(g, sp);
    } else {
      complete = false;
    }
  });
  return complete;
}

void search::search_stack(const goroutine& g, std::uintptr_t sp) {
  const address_range used{.first = sp, .end = reinterpret_cast<std::uintptr_t>(g.stack()->top)};
  words_.search(used, [&](std::uintptr_t at, std::uintptr_t word) { meet(at, word, &g); });
}

// `word` stands there: on that goroutine's stack, or not on a stack.
void search::meet(std::uintptr_t at, std::uintptr_t word, const goroutine* whose) noexcept {
  const auto end = w_.targets.begin() + static_cast<std::ptrdiff_t>(targets_);
  const auto next = std::upper_bound(w_.targets.begin(), end, word,
                                     [](std::uintptr_t p, const target& t) { return p < t.what.first; });
  if (next == w_.targets.begin() || !(next - 1)->what.contains(word)) return;
  suspect& s = *(next - 1)->whose;
  if (s.reachable || s.gp == whose) return;
  const auto descriptor = reinterpret_cast<std::uintptr_t>(s.gp);
  if (at >= descriptor && at < descriptor + sizeof(goroutine)) return;
  for (std::size_t i = 0; i != s.waits.count; ++i) {
    if (at >= s.waits.cores[i] && at < s.waits.cores[i] + sizeof(chan_core)) return;
  }
  s.reachable = !is_idle(at);
}

// Nobody reads what stands there: a dead descriptor, or the argument of a commit that is over.
bool search::is_idle(std::uintptr_t at) noexcept {
  for (const machine* mp = first_machine(); mp; mp = mp->next_machine) {
    if (reinterpret_cast<std::uintptr_t>(&mp->commit_arg) == at) return !mp->commit;
  }
  bool dead = false;
  for_each_descriptor([&](const goroutine& g) {
    const auto first = reinterpret_cast<std::uintptr_t>(&g);
    if (at >= first && at < first + sizeof(goroutine))
      dead = g.status.load(std::memory_order_acquire) == g_status::dead;  // pairs with transition()
  });
  return dead;
}

// Those that need no search, as they have no channel.
void add_obvious(std::span<const goroutine_id> those, std::vector<never_woken>& found) {
  for_each_descriptor([&](const goroutine& g) {
    const goroutine_id id = g.id.load(std::memory_order_relaxed);
    const wait_reason reason = g.reason.load(std::memory_order_relaxed);
    if (usual(g.status.load(std::memory_order_acquire)) != g_status::waiting ||  // pairs with transition()
        !std::binary_search(those.begin(), those.end(), id) ||
        g.reason.load(std::memory_order_relaxed) != reason)
      return;
    if (reason == wait_reason::chan_receive_nil || reason == wait_reason::chan_send_nil)
      found.push_back({.id = id, .reason = never_woken::why::nil_channel});
    if (reason == wait_reason::select_no_cases)
      found.push_back({.id = id, .reason = never_woken::why::no_cases});
  });
}

// False: something runs.
[[gnu::noinline, maybe_unused]] bool add_proven(std::span<const goroutine_id> those,
                                                std::vector<never_woken>& found) {
  standstill before;
  standstill after;
  const own_pages pages;
  search s(pages, reinterpret_cast<std::uintptr_t>(__builtin_dwarf_cfa()));
  if (!before.take() || !s.find_suspects(those)) return false;
  if (!s.any()) return true;
  if (!s.run(before) || !after.take() || !before.lasts_until(after)) return false;
  s.add_found(found);
  return true;
}

}  // namespace

const char* in_words(never_woken::why reason) noexcept {
  switch (reason) {
    case never_woken::why::nil_channel:
      return "can never be woken: nil channel";
    case never_woken::why::no_cases:
      return "can never be woken: select without cases";
    case never_woken::why::no_handle:
      return "can never be woken: no other handle to this channel";
    case never_woken::why::no_handles:
      return "can never be woken: no other handle to these channels";
  }
  return "";
}

never_woken_search find_never_woken(std::span<const goroutine_id> those, [[maybe_unused]] int looks) {
  never_woken_search s{.found = {}, .complete = k_sanitized};  // the tools' shadow memory is full of pointers
  if constexpr (!k_sanitized) {
    spill_registers();
    for (int i = 0; i != looks && !s.complete; ++i) {
      if (i != 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      s.complete = add_proven(those, s.found);
    }
  }
  add_obvious(those, s.found);
  std::sort(s.found.begin(), s.found.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return s;
}

}  // namespace goro::detail
