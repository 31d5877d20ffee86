// Events, in the order of their times, into the JSON that ui.perfetto.dev and chrome://tracing read (the
// "Trace Event Format", as an object with traceEvents).
//
// Tracks: one for each P (process 1, thread P + 1), one for each thread whose goroutine has lost its P
// (process 2, by the kernel's number), one for what happens outside of both. A slice is a pair of B and E. At
// most one is open on a track, and times do not fall within it. An arrow (s, f) is written as a whole when
// the goroutine that it leads to begins its turn, so there is never half of one; its tail lies in the past.
//
// What is known of a goroutine is kept from its spawn to its end. A slice that was open at the beginning, or
// is at the end, gets its other half there.
#pragma once

#include <cstdint>
#include <map>
#include <source_location>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "diag/trace.hpp"

namespace goro::detail {

class trace_json {
 public:
  static constexpr int k_others = -1;  // instead of the number of a P

  trace_json();

  // Before the first event, with what was so at the beginning, time 0.
  void know(std::uint64_t id, std::source_location where, std::string name);
  void runs_at_start(int p, std::uint64_t id);  // perhaps: the first event of the P says it for certain
  void away_at_start(std::uint64_t id, std::uint64_t thread);

  // `ns` since the beginning. Those of one P do not fall. Not timed: it happened then or later, before the
  // next event that is.
  void take(int p, std::int64_t ns, const trace_event& e, bool timed);

  void count(std::string_view what, std::int64_t ns, std::uint64_t value);

  // Closes what is open; nothing may follow.
  void finish(std::int64_t ns, std::uint64_t lost, std::string_view ended_by);

  // What has been written and not yet fetched.
  std::string& text() noexcept { return text_; }

 private:
  struct track {
    int process = 1;
    std::int64_t thread = 0;
    std::uint64_t runs = 0;   // whose slice is open
    std::uint64_t guess = 0;  // whose was at the beginning
    bool begun = false;
    bool preempted = false;
    std::int64_t last = 0;
    std::int64_t last_arrow = 0;            // from it: the slice goes on until then
    std::vector<std::uint64_t> woken = {};  // since the last event that is timed
  };
  struct known {
    std::source_location where;
    std::string name;
    std::string description;    // with which its slices begin
    track* woken_at = nullptr;  // by whom
    std::int64_t woken = 0;
    bool when_is_known = false;
  };

  track& track_of(int p);
  track& track_of_thread(std::uint64_t thread);
  void introduce(const track& t, const std::string& name);

  void name(const trace_event& e);
  void turn(track& t, std::int64_t ns, const trace_event& e);
  void ready(track& t, std::int64_t ns, std::uint64_t id, bool timed);
  void place_wakings(track& t, std::int64_t ns);
  void spawn(track& t, std::int64_t ns, const trace_event& e);
  void hand_off(track& t, std::int64_t ns, const trace_event& e);
  void come_back(track& t, std::int64_t ns, const trace_event& e);
  void begin_track(track& t, std::uint64_t runs);

  void begin(track& t, std::int64_t ns, std::uint64_t id);
  void end(track& t, std::int64_t ns, std::string_view reason);
  void arrow(known& g, const track& to, std::int64_t ns);
  void instant(track& t, std::int64_t ns, std::string_view name, std::string_view args);
  void open(char phase, const track& t, std::int64_t ns);  // up to what depends on the phase
  static std::string description(std::uint64_t id, const known& g);

  std::string text_;
  bool first_ = true;
  std::uint64_t arrows_ = 0;
  std::map<int, track> processors_;  // nodes stay where they are
  std::map<std::uint64_t, track> threads_;
  std::unordered_map<std::uint64_t, known> goroutines_;
  std::map<std::string, std::uint64_t, std::less<>> counted_;
};

}  // namespace goro::detail
