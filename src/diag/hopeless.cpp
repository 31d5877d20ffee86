// Each wait is looked at a few times at most, so that a program with many waits, or one that is idle, does
// not search its memory for ever: whoever is not proven to be hopeless by then is left alone until its next
// wait. A look at which something runs does not count. A search is followed by a rest that is many times as
// long.
#include "diag/hopeless.hpp"

#include <algorithm>
#include <map>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "diag/debug_env.hpp"
#include "diag/describe.hpp"
#include "diag/dump.hpp"
#include "diag/fatal.hpp"
#include "diag/unreachable.hpp"
#include "os/clock.hpp"
#include "sched/scheduler.hpp"
#include "stack/parked.hpp"

namespace goro::detail {

namespace {

constexpr int k_looks = 3;
constexpr int k_attempts = 5;  // at one look
constexpr int k_rest = 50;     // times what the search took

bool may_be_hopeless(wait_reason reason) noexcept {
  switch (reason) {
    case wait_reason::chan_receive:
    case wait_reason::chan_send:
    case wait_reason::chan_receive_nil:
    case wait_reason::chan_send_nil:
    case wait_reason::select:
      return true;
    default:  // a select without cases is meant
      return false;
  }
}

// A wait that was noticed at that time.
struct looked_at {
  std::uint32_t noticed = 0;
  int looks = 0;
};

struct memory {
  std::map<goroutine_id, looked_at> former;
  std::map<goroutine_id, looked_at> present;
  std::vector<goroutine_id> due;
  time_point rests_until;
};

void visit(goroutine& g, memory& m) {
  if (usual(g.status.load(std::memory_order_acquire)) != g_status::waiting ||  // pairs with transition()
      !may_be_hopeless(g.reason.load(std::memory_order_relaxed)) || seconds_parked(g) == 0)
    return;
  const goroutine_id id = g.id.load(std::memory_order_relaxed);
  looked_at now{.noticed = g.noticed.load(std::memory_order_relaxed)};
  if (const auto it = m.former.find(id); it != m.former.end() && it->second.noticed == now.noticed)
    now = it->second;
  m.present[id] = now;
  if (now.looks < k_looks) m.due.push_back(id);
}

void tell(const never_woken& g) {
  const goroutine_id ids[] = {g.id};
  std::string text = "goro: " + title_of(g.id) + " " + in_words(g.reason) + "\n\n";
  if (traceback() != traceback_level::none) text += describe_those(ids);
  write_stderr(text);
}

bool look(memory& m) {
  m.due.clear();
  m.present.clear();
  for_each_descriptor([&m](goroutine& g) { visit(g, m); });
  std::swap(m.former, m.present);
  if (m.due.empty() || now() < m.rests_until) return !m.due.empty();
  std::sort(m.due.begin(), m.due.end());
  const time_point start = now();
  const never_woken_search search = find_never_woken(m.due, k_attempts);
  m.rests_until = now() + k_rest * (now() - start);
  for (const goroutine_id id : m.due) m.former[id].looks += search.complete ? 1 : 0;
  for (const never_woken& g : search.found) {
    m.former[g.id].looks = k_looks;
    tell(g);
  }
  return true;
}

}  // namespace

bool report_hopeless() noexcept {
  if (!debug().deadlocks) return false;
  try {
    static auto& m = *new memory;  // the keeper uses it until the end of the process
    return look(m);
  } catch (const std::bad_alloc&) {
    write_stderr("goro: no memory to look for goroutines that nobody can wake\n");
    return false;
  }
}

}  // namespace goro::detail
