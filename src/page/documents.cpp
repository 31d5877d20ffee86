// The size of each document is bounded, whatever the program does; what was left out stands in it as a
// number.
//
// The delay of a turn is measured by the goroutine that answers: it yields a few times and looks how long
// each took. A goroutine that yields goes to the end of its P's queue, like one that is made ready, so this
// is the queue's delay at this moment on this P. Nothing is measured while nobody asks.
#include "page/documents.hpp"

#include <algorithm>
#include <array>
#include <cerrno>  // program_invocation_short_name
#include <vector>

#include <goro/clock.hpp>
#include <goro/go.hpp>
#include <goro/runtime.hpp>

#include "diag/census.hpp"
#include "page/json.hpp"

namespace goro::detail {

namespace {

struct total {
  const char* name;
  std::uint64_t runtime_stats::* value;
};
constexpr total k_totals[] = {
    {"goroutines_started", &runtime_stats::goroutines_started},
    {"goroutines_finished", &runtime_stats::goroutines_finished},
    {"switches", &runtime_stats::switches},
    {"yields", &runtime_stats::yields},
    {"steals", &runtime_stats::steals},
    {"stolen", &runtime_stats::stolen},
    {"overflows", &runtime_stats::overflows},
    {"global_runs", &runtime_stats::global_runs},
    {"machine_wakeups", &runtime_stats::machine_wakeups},
    {"timers_fired", &runtime_stats::timers_fired},
    {"preemptions", &runtime_stats::preemptions},
    {"handoffs_blocked", &runtime_stats::handoffs_blocked},
    {"handoffs_busy", &runtime_stats::handoffs_busy},
    {"stalls", &runtime_stats::stalls},
    {"stacks_in_use", &runtime_stats::stacks_in_use},
    {"stacks_cached", &runtime_stats::stacks_cached},
    {"stack_bytes_reserved", &runtime_stats::stack_bytes_reserved},
    {"goroutines", &runtime_stats::goroutines},
    {"queued_global", &runtime_stats::queued_global},
    {"timers_armed", &runtime_stats::timers_armed},
    {"poller_looks", &runtime_stats::poller_looks},
    {"poller_sleeps", &runtime_stats::poller_sleeps},
    {"poller_events", &runtime_stats::poller_events},
    {"poller_waiters", &runtime_stats::poller_waiters},
};

struct one_of_p {
  const char* name;
  std::uint64_t processor_stats::* value;
};
constexpr one_of_p k_per_processor[] = {
    {"queued", &processor_stats::queued},
    {"switches", &processor_stats::switches},
    {"yields", &processor_stats::yields},
    {"preemptions", &processor_stats::preemptions},
    {"steals", &processor_stats::steals},
    {"stolen", &processor_stats::stolen},
    {"overflows", &processor_stats::overflows},
    {"global_runs", &processor_stats::global_runs},
    {"timers_fired", &processor_stats::timers_fired},
};

template <class Clock>
std::int64_t milliseconds_of() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now().time_since_epoch()).count();
}

void write_member(json_writer& json, const census_member& m) {
  json.begin_object().member("id", m.id).member("name", m.name);
  if (!m.labels.empty()) json.member("labels", m.labels.substr(1));
  json.end_object();
}

void write_processors(json_writer& json, const runtime_stats& s) {
  const std::vector<census_member> running = running_now();
  const std::size_t in_use =
      std::min<std::size_t>({static_cast<std::size_t>(s.processors), s.per_processor.size(), running.size()});
  json.key("processors").begin_array();
  for (std::size_t i = 0; i != in_use; ++i) {
    const processor_stats& p = s.per_processor[i];
    json.begin_object().member("id", i).member("held", p.held).key("running");
    if (running[i].id != 0) {
      write_member(json, running[i]);
    } else {
      json.null();
    }
    for (const one_of_p& one : k_per_processor) json.member(one.name, p.*one.value);
    json.end_object();
  }
  json.end_array();
}

void write_scheduler(json_writer& json, const runtime_stats& s) {
  json.member("max_procs", s.processors);
  write_processors(json, s);
  json.key("threads").begin_object();
  json.member("total", s.machines).member("idle", s.machines_idle).member("away", s.goroutines_away);
  json.end_object();
  json.key("totals").begin_object();
  for (const total& t : k_totals) json.member(t.name, s.*t.value);
  json.end_object();
}

void write_group(json_writer& json, const census_group& group) {
  json.begin_object().member("state", group.state).member("created_at", group.created_at);
  json.member("count", group.count).member("least_wait_s", group.least_wait);
  json.member("most_wait_s", group.most_wait)
      .member("stack", stack_in_words(group))
      .key("oldest")
      .begin_array();
  for (const census_member& m : group.oldest) write_member(json, m);
  json.end_array().end_object();
}

void write_groups(json_writer& json, grouping how, std::string_view filter) {
  const auto start = clock::now();
  const census all = how == grouping::stack ? take_stack_census(filter) : take_census(filter);
  json.key("goroutines").begin_object().member("by", how == grouping::stack ? "stack" : "place");
  json.member("total", all.total).member("matching", all.matching);
  json.key("groups").begin_array();
  std::size_t left_out = 0;
  for (std::size_t i = 0; i != all.groups.size(); ++i) {
    if (i < k_most_groups) {
      write_group(json, all.groups[i]);
    } else {
      left_out += all.groups[i].count;
    }
  }
  json.end_array().key("left_out").begin_object();
  json.member("groups", all.groups.size() - std::min(all.groups.size(), k_most_groups));
  json.member("goroutines", left_out).end_object();
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - start);
  json.member("took_ms", took.count()).end_object();
}

void write_one(json_writer& json, const diag::goroutine_info& g) {
  json.begin_object().member("id", g.id).member("name", g.name).member("state", g.state);
  json.member("created_at", g.created_at).member("creator", g.creator).member("wait_s", g.waiting.count());
  json.member("stack_limit", g.stack_limit).member("stack_used", g.stack_used);
  if (!g.labels.empty()) {
    json.key("labels").begin_object();
    for (const auto& [key, value] : g.labels) json.member(key, value);
    json.end_object();
  }
  json.end_object();
}

}  // namespace

turn_delay measure_turn_delay() {
  constexpr std::size_t k_most_turns = 9;
  constexpr std::chrono::milliseconds k_enough{50};
  std::array<std::chrono::nanoseconds, k_most_turns> seen;
  std::size_t n = 0;
  const auto start = clock::now();
  do {
    const auto before = clock::now();
    this_goroutine::yield();
    seen[n++] = clock::now() - before;
  } while (n != k_most_turns && clock::now() - start < k_enough);
  const auto end = seen.begin() + static_cast<std::ptrdiff_t>(n);
  std::sort(seen.begin(), end);
  return {.median = seen[n / 2], .longest = *(end - 1)};
}

std::string state_document(const page_facts& facts, grouping how, std::string_view filter) {
  const turn_delay delay = measure_turn_delay();
  const runtime_stats s = stats();
  json_writer json;
  json.begin_object();
  json.member("time_ms", milliseconds_of<std::chrono::system_clock>());
  json.member("clock_ms", milliseconds_of<std::chrono::steady_clock>());  // for rates
  json.member("program", program_invocation_short_name);
  json.member("address", facts.address).member("loopback", facts.loopback);
  write_scheduler(json, s);
  json.key("turn_delay_ns").begin_object();
  json.member("median", delay.median.count()).member("longest", delay.longest.count()).end_object();
  if (how != grouping::none) write_groups(json, how, filter);
  json.end_object();
  return json.take();
}

std::string goroutines_document(std::string_view filter, std::size_t limit) {
  const census_list list = list_goroutines(filter, std::min(limit, k_most_listed));
  json_writer json;
  json.begin_object().member("total", list.total).member("matching", list.matching);
  json.member("left_out", list.matching - std::min(list.matching, list.goroutines.size()));
  json.key("goroutines").begin_array();
  for (const diag::goroutine_info& g : list.goroutines) write_one(json, g);
  json.end_array().end_object();
  return json.take();
}

}  // namespace goro::detail
