#include "diag/stall.hpp"

#include <algorithm>
#include <new>
#include <string>
#include <vector>

#include "diag/debug_env.hpp"
#include "diag/describe.hpp"
#include "diag/fatal.hpp"
#include "sched/scheduler.hpp"

namespace goro::detail {

namespace {

std::string sentence(const goroutine& g, const absence& away, std::int64_t now) {
  const std::string ms = std::to_string((now - away.since) / 1'000'000) + " ms";
  const bool blocked = away.reason == absence_reason::blocked;
  return "goro: " + title_of(g) +
         (blocked ? " has blocked its thread for " + ms + " without parking"
                  : " has computed for " + ms + " without calling goro") +
         ", created at ";
}

// Each place is told of once. Only sysmon uses it.
bool is_new_place(const std::string& place) {
  static auto& told = *new std::vector<std::string>;  // sysmon uses it until the end of the process
  if (std::find(told.begin(), told.end(), place) != told.end()) return false;
  told.push_back(place);
  return true;
}

// Under the scheduler's lock: who is noted as away cannot come back, and end, without it.
std::string collect(std::int64_t now, bool& more) {
  std::string text;
  const lock_guard guard(sched.guard);
  for (machine* mp = sched.machines.load(std::memory_order_acquire); mp;
       mp = mp->next_machine) {  // pairs with made_machine()
    absence& away = mp->away;
    if (away.reason == absence_reason::none || away.reason == absence_reason::blocking || away.reported)
      continue;
    if (now - away.since < k_stall) {
      more = true;
      continue;
    }
    away.reported = true;
    const goroutine& g = *away.who;
    const std::string place = place_of(g.where.load(std::memory_order_relaxed));
    if (is_new_place(place)) text += sentence(g, away, now) + place + "\n";
  }
  return text;
}

}  // namespace

bool report_stalls(std::int64_t now) noexcept {
  if (!debug().stalls) return false;
  bool more = false;
  try {
    write_stderr(collect(now, more));
  } catch (const std::bad_alloc&) {
    write_stderr("goro: no memory to tell of a stall\n");
  }
  return more;
}

}  // namespace goro::detail
