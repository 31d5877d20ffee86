// A trace that diag::start_trace has made, read and checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace goro_test {

struct trace_file {
  std::size_t spawned = 0;  // goroutines
  std::size_t ended = 0;
  std::size_t slices = 0;
  std::size_t arrows = 0;
  std::uint64_t left_out = 0;  // events
  std::string ended_by;
  std::map<std::string, std::size_t> until;  // why slices ended
  std::set<std::string> names;               // of slices
  std::set<std::string> instants;
  std::set<std::string> tracks;  // that have slices, by their names
  std::set<std::string> counters;
  std::map<std::string, std::set<std::string>> names_on;  // of slices, by track
};

// Fails the test, with a line for each breach, unless the file is JSON of the format, each B has its E in its
// track, times do not fall in a track, and each arrow leads from within a slice to the beginning of one that
// is not earlier.
trace_file read_trace(const std::string& path);

}  // namespace goro_test
