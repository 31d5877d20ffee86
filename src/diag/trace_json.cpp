#include "diag/trace_json.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

#include "diag/describe.hpp"
#include "diag/json_quoted.hpp"
#include "sched/machine.hpp"
#include "sched/wait_reason.hpp"

namespace goro::detail {

namespace {

constexpr int k_processors = 1;
constexpr int k_threads = 2;
constexpr std::int64_t k_others_thread = 1'000'000;

template <class Number>
void put(std::string& text, Number n) {
  char digits[24];
  text.append(digits, std::to_chars(digits, digits + sizeof digits, n).ptr);
}

// Microseconds, as the format wants it.
void put_time(std::string& text, std::int64_t ns) {
  const std::int64_t rest = ns % 1000;
  put(text, ns / 1000);
  text += {'.', static_cast<char>('0' + rest / 100), static_cast<char>('0' + rest / 10 % 10),
           static_cast<char>('0' + rest % 10)};
}

std::string field(std::string_view name, std::uint64_t value) {
  return "\"" + std::string(name) + "\":" + std::to_string(value);
}
std::string field(std::string_view name, std::string_view value) {
  return "\"" + std::string(name) + "\":" + json_quoted(value);
}

// The file without its folders, and the line.
std::string short_place(const std::source_location& where) {
  if (where.line() == 0) return "?";
  const std::string_view file = where.file_name();
  return std::string(file.substr(file.rfind('/') + 1)) + ":" + std::to_string(where.line());
}

std::string_view reason_of(std::uint8_t detail, bool preempted) {
  if (detail == k_turn_ended) return "ended";
  if (detail == k_turn_yielded) return preempted ? "time slice over" : "yield";
  return to_string(static_cast<wait_reason>(detail));
}

std::string_view why_away(std::uint8_t detail) {
  switch (static_cast<absence_reason>(detail)) {
    case absence_reason::blocked:
      return "handed off: blocks its thread";
    case absence_reason::busy:
      return "handed off: computes";
    case absence_reason::blocking:
      return "handed off: goro::blocking";
    case absence_reason::none:
      break;
  }
  return "handed off";
}

}  // namespace

trace_json::trace_json() : text_("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n") {
  introduce({.process = k_processors, .thread = -1}, "goro");
  introduce({.process = k_threads, .thread = -1}, "threads without a P");
}

void trace_json::know(std::uint64_t id, std::source_location where, std::string name) {
  known& g = goroutines_[id];
  g.where = where;
  g.name = std::move(name);
}

void trace_json::runs_at_start(int p, std::uint64_t id) { track_of(p).guess = id; }

void trace_json::away_at_start(std::uint64_t id, std::uint64_t thread) {
  begin(track_of_thread(thread), 0, id);
}

// --- tracks ---

// Names a track; thread -1: a process.
void trace_json::introduce(const track& t, const std::string& name) {
  text_ += first_ ? "" : ",\n";
  first_ = false;
  text_ += std::string("{\"ph\":\"M\",\"name\":\"") + (t.thread < 0 ? "process_name" : "thread_name") +
           "\",\"pid\":" + std::to_string(t.process);
  if (t.thread >= 0) text_ += ",\"tid\":" + std::to_string(t.thread);
  text_ += ",\"args\":{" + field("name", name) + "}}";
  if (t.thread < 0) return;
  text_ += ",\n{\"ph\":\"M\",\"name\":\"thread_sort_index\",\"pid\":" + std::to_string(t.process) +
           ",\"tid\":" + std::to_string(t.thread) + ",\"args\":{\"sort_index\":" + std::to_string(t.thread) +
           "}}";
}

trace_json::track& trace_json::track_of(int p) {
  const auto [at, is_new] = processors_.try_emplace(p);
  track& t = at->second;
  if (is_new) {
    t.thread = p == k_others ? k_others_thread : p + 1;
    t.begun = p == k_others;
    introduce(t, p == k_others ? "without a P" : "P " + std::to_string(p));
  }
  return t;
}

trace_json::track& trace_json::track_of_thread(std::uint64_t thread) {
  const auto [at, is_new] = threads_.try_emplace(thread);
  track& t = at->second;
  if (is_new) {
    t.process = k_threads;
    t.thread = static_cast<std::int64_t>(thread);
    t.begun = true;
    introduce(t, "thread " + std::to_string(thread));
  }
  return t;
}

// --- events ---

void trace_json::take(int p, std::int64_t ns, const trace_event& e, bool timed) {
  track& t = track_of(p);
  ns = std::max(ns, t.last);
  if (!t.begun) {
    const bool says_who = e.kind() == trace_kind::turn || e.kind() == trace_kind::handed_off;
    begin_track(t, says_who ? e.who() : t.guess);
  }
  if (timed) place_wakings(t, ns);
  switch (e.kind()) {
    case trace_kind::none:
      break;
    case trace_kind::turn:
      return turn(t, ns, e);
    case trace_kind::ready:
      return ready(t, ns, e.who(), timed);
    case trace_kind::spawn:
      return spawn(t, ns, e);
    case trace_kind::name:
      return name(e);
    case trace_kind::handed_off:
      return hand_off(t, ns, e);
    case trace_kind::returned:
    case trace_kind::queued_again:
      return come_back(t, ns, e);
    case trace_kind::preempted:
      t.preempted = true;
      break;
    case trace_kind::steal:
      return instant(t, ns, "steal", field("goroutines", e.who()) + "," + field("from P", e.other));
    case trace_kind::poll:
      return instant(t, ns, "poller", field("ready", e.who()));
    case trace_kind::gap:
      end(t, ns, "not recorded");
      return instant(t, ns, "events left out", field("events", e.other));
  }
}

// The first piece makes the name anew: who began while the recording did may be known already.
void trace_json::name(const trace_event& e) {
  char letters[sizeof e.other + 1] = {};
  std::memcpy(letters, &e.other, sizeof e.other);
  known& g = goroutines_[e.who()];
  if (e.detail() == 0) g.name.clear();
  g.name += letters;
  g.description.clear();
}

// Its first event says who ran before: since the beginning, or since it was made ready, if that is known. (A
// machine may record nothing for a turn yet, while another one does.)
void trace_json::begin_track(track& t, std::uint64_t runs) {
  t.begun = true;
  if (runs == 0) return;
  const known& g = goroutines_[runs];
  begin(t, g.woken_at ? g.woken : 0, runs);
}

void trace_json::turn(track& t, std::int64_t ns, const trace_event& e) {
  const std::uint64_t next = e.other;
  if (e.who() == 0 && t.runs == next) return;  // chosen before, and started now
  end(t, ns, e.who() == t.runs ? reason_of(e.detail(), t.preempted) : "not recorded");
  t.preempted = false;
  if (e.who() != 0 && e.detail() == k_turn_ended) goroutines_.erase(e.who());
  if (next != 0) begin(t, ns, next);
}

void trace_json::ready(track& t, std::int64_t ns, std::uint64_t id, bool timed) {
  constexpr std::size_t k_most = 10'000;  // in one turn: then that of the last event is near enough
  if (t.runs == 0) {                      // a timer, the poller, a plain thread: an arrow begins at a slice
    open('B', t, ns);
    text_ += ",\"name\":\"wakes\"}";
    open('E', t, ns);
    text_ += "}";
    t.last = ns;
  }
  known& g = goroutines_[id];
  g.woken_at = &t;
  g.woken = ns;
  g.when_is_known = timed || t.runs == 0 || t.woken.size() >= k_most;
  if (!g.when_is_known) t.woken.push_back(id);
}

// Those who were made ready since the event before the present one: just before this, because what begins at
// an instant is drawn from the slice that begins there.
void trace_json::place_wakings(track& t, std::int64_t ns) {
  for (const std::uint64_t id : t.woken) {
    const auto at = goroutines_.find(id);
    if (at == goroutines_.end() || at->second.woken_at != &t || at->second.when_is_known) continue;
    at->second.woken = std::max(at->second.woken, ns - 1);
    at->second.when_is_known = true;
  }
  t.woken.clear();
}

void trace_json::spawn(track& t, std::int64_t ns, const trace_event& e) {
  known& g = goroutines_[e.who()];
  g.description.clear();
  g.where = std::bit_cast<std::source_location>(e.other);
  instant(t, ns, "go",
          field("goroutine", e.who()) + (g.name.empty() ? "" : "," + field("name", g.name)) + "," +
              field("created_at", place_of(g.where)));
  ready(t, ns, e.who(), true);
}

void trace_json::hand_off(track& t, std::int64_t ns, const trace_event& e) {
  end(t, ns, why_away(e.detail()));
  instant(t, ns, "hand-off", field("goroutine", e.who()) + "," + field("thread", e.other));
  track& away = track_of_thread(e.other);
  end(away, ns, "not recorded");
  begin(away, ns, e.who());
}

void trace_json::come_back(track& t, std::int64_t ns, const trace_event& e) {
  const bool has_one = e.kind() == trace_kind::returned;
  end(track_of_thread(e.other), ns, has_one ? "has a P again" : "waits for a P");
  if (!has_one) return;
  end(t, ns, "not recorded");
  begin(t, ns, e.who());
}

void trace_json::count(std::string_view what, std::int64_t ns, std::uint64_t value) {
  const auto [at, is_new] = counted_.try_emplace(std::string(what), value);
  if (!is_new && at->second == value) return;
  at->second = value;
  open('C', {.process = k_processors, .thread = -1}, ns);
  text_ += "," + field("name", what) + ",\"args\":{" + field("value", value) + "}}";
}

void trace_json::finish(std::int64_t ns, std::uint64_t lost, std::string_view ended_by) {
  for (auto& [p, t] : processors_) {
    if (!t.begun) begin_track(t, t.guess);
    end(t, ns, "the trace ends");
  }
  for (auto& [thread, t] : threads_) end(t, ns, "the trace ends");
  track& others = track_of(k_others);
  if (lost != 0) instant(others, ns, "events left out of the whole trace", field("events", lost));
  instant(others, ns, ended_by, "");
  text_ += "\n],\"otherData\":{" + field("events_left_out", std::to_string(lost)) + "," +
           field("ended_by", ended_by) + "}}\n";
}

// --- JSON ---

void trace_json::open(char phase, const track& t, std::int64_t ns) {
  text_ += ",\n{\"ph\":\"";
  text_ += phase;
  text_ += "\",\"pid\":";
  put(text_, t.process);
  if (t.thread >= 0) {
    text_ += ",\"tid\":";
    put(text_, t.thread);
  }
  text_ += ",\"ts\":";
  put_time(text_, ns);
}

std::string trace_json::description(std::uint64_t id, const known& g) {
  const std::string label = g.name.empty() ? "goroutine " + std::to_string(id) : g.name;
  return "," + field("name", label) + ",\"args\":{" + field("goroutine", id) + "," +
         field("created_at", short_place(g.where)) + "}}";
}

void trace_json::begin(track& t, std::int64_t ns, std::uint64_t id) {
  constexpr std::size_t k_remembered = 10'000;  // of a million goroutines it would be much memory
  ns = std::max(ns, t.last);
  known& g = goroutines_[id];
  open('B', t, ns);
  if (g.description.empty()) {
    if (goroutines_.size() <= k_remembered) g.description = description(id, g);
    text_ += goroutines_.size() <= k_remembered ? g.description : description(id, g);
  } else {
    text_ += g.description;
  }
  if (g.woken_at) arrow(g, t, ns);
  g.woken_at = nullptr;
  t.runs = id;
  t.last = ns;
}

void trace_json::end(track& t, std::int64_t ns, std::string_view reason) {
  if (t.runs == 0) return;
  ns = std::max({ns, t.last, t.last_arrow});
  open('E', t, ns);
  text_ += ",\"args\":{\"until\":\"";
  text_ += reason;  // one of the words above: nothing to escape
  text_ += "\"}}";
  t.runs = 0;
  t.last = ns;
}

// From the moment of the waking, if that is not later by a hair's breadth of two cores' clocks. Where it is
// not known, the slice that it leaves may end by then, but be written later: then it ends no sooner.
void trace_json::arrow(known& g, const track& to, std::int64_t ns) {
  constexpr std::string_view k_what = ",\"cat\":\"wake\",\"name\":\"wake\",\"id\":";
  ++arrows_;
  const std::int64_t woken = g.when_is_known ? g.woken : std::max(g.woken, ns - 1);
  const std::int64_t left = std::min(woken, ns);
  g.woken_at->last_arrow = std::max(g.woken_at->last_arrow, left);
  open('s', *g.woken_at, left);
  text_ += k_what;
  put(text_, arrows_);
  text_ += '}';
  open('f', to, ns);
  text_ += k_what;
  put(text_, arrows_);
  text_ += ",\"bp\":\"e\"}";
}

void trace_json::instant(track& t, std::int64_t ns, std::string_view name, std::string_view args) {
  ns = std::max(ns, t.last);
  open('i', t, ns);
  text_ += "," + field("name", name) + ",\"s\":\"t\",\"args\":{" + std::string(args) + "}}";
  t.last = ns;
}

}  // namespace goro::detail
