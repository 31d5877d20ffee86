#include "support/trace_file.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>
#include <vector>

#include "support/json.hpp"

namespace goro_test {

namespace {

using place = std::pair<double, double>;  // process and thread
using span = std::pair<double, double>;   // of time

struct track_state {
  bool open = false;
  double last = 0;
  std::vector<span> slices;
};

struct tail {
  place where;
  double time = 0;
};

class checker {
 public:
  trace_file check(const json& file) {
    for (const json& e : file["traceEvents"].array) take(e);
    for (const auto& [where, t] : tracks_) EXPECT_FALSE(t.open) << names_[where] << ": a B without E";
    EXPECT_TRUE(tails_.empty()) << "an arrow that leads nowhere";
    for (const tail& t : drawn_) check_tail(t);
    const json& other = file["otherData"];
    found_.left_out = std::stoull(other["events_left_out"].text());
    found_.ended_by = other["ended_by"].text();
    return found_;
  }

 private:
  void take(const json& e) {
    const std::string& phase = e["ph"].text();
    if (phase == "M") return name(e);
    const double time = e["ts"].value();
    EXPECT_GE(time, 0);
    if (phase == "C") return count(e);
    const place where{e["pid"].value(), e["tid"].value()};
    EXPECT_TRUE(names_.contains(where)) << "a track without a name";
    if (phase == "s") {
      EXPECT_TRUE(tails_.emplace(e["id"].value(), tail{where, time}).second) << "an arrow twice";
      return;
    }
    track_state& t = tracks_[where];
    EXPECT_GE(time, t.last) << names_[where];
    t.last = time;
    if (phase == "B") {
      begin(e, where, t);
    } else if (phase == "E") {
      end(e, t);
    } else if (phase == "f") {
      arrive(e, t);
    } else if (phase == "i") {
      found_.instants.insert(e["name"].text());
      if (e["name"].text() == "go") ++found_.spawned;
    } else {
      ADD_FAILURE() << "phase " << phase;
    }
  }

  void name(const json& e) {
    if (e["name"].text() != "thread_name") return;
    EXPECT_TRUE(names_.emplace(place{e["pid"].value(), e["tid"].value()}, e["args"]["name"].text()).second);
  }

  void count(const json& e) {
    found_.counters.insert(e["name"].text());
    EXPECT_GE(e["args"]["value"].value(), 0);
    double& last = counted_[e["name"].text()];
    EXPECT_GE(e["ts"].value(), last);
    last = e["ts"].value();
  }

  void begin(const json& e, const place& where, track_state& t) {
    EXPECT_FALSE(t.open) << names_[where] << ": one slice within another";
    t.open = true;
    t.slices.emplace_back(t.last, -1);
    if (e["name"].text() == "wakes") return;
    ++found_.slices;
    found_.names.insert(e["name"].text());
    found_.tracks.insert(names_[where]);
    found_.names_on[names_[where]].insert(e["name"].text());
    EXPECT_GT(e["args"]["goroutine"].value(), 0);
    EXPECT_FALSE(e["args"]["created_at"].text().empty());
  }

  void end(const json& e, track_state& t) {
    EXPECT_TRUE(t.open) << "an E without B";
    t.open = false;
    if (!t.slices.empty()) t.slices.back().second = t.last;
    if (!e.has("args")) return;
    ++found_.until[e["args"]["until"].text()];
    if (e["args"]["until"].text() == "ended") ++found_.ended;
  }

  void arrive(const json& e, const track_state& t) {
    const auto at = tails_.find(e["id"].value());
    ASSERT_NE(at, tails_.end()) << "an arrow from nowhere";
    EXPECT_LE(at->second.time, e["ts"].value()) << "woken before the waker";
    EXPECT_TRUE(t.open && t.slices.back().first == e["ts"].value()) << "an arrow to no beginning";
    drawn_.push_back(at->second);
    tails_.erase(at);
    ++found_.arrows;
  }

  // Sorted by their beginnings, and they do not overlap.
  void check_tail(const tail& t) {
    const auto& slices = tracks_[t.where].slices;
    auto after = std::upper_bound(slices.begin(), slices.end(), span{t.time, 1e300});
    const bool within = after != slices.begin() && (--after)->second >= t.time;
    EXPECT_TRUE(within) << names_[t.where] << ": an arrow from outside of a slice at " << t.time;
  }

  trace_file found_;
  std::map<place, track_state> tracks_;
  std::map<place, std::string> names_;
  std::map<double, tail> tails_;
  std::vector<tail> drawn_;
  std::map<std::string, double> counted_;
};

}  // namespace

trace_file read_trace(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  try {
    return checker().check(read_json(text.str()));
  } catch (const std::runtime_error& e) {
    ADD_FAILURE() << path << ": " << e.what();
    return {};
  }
}

}  // namespace goro_test
