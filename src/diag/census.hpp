// The goroutines counted by what they do and where they were started, for who looks again and again: its cost
// in memory is that of the answer, however many goroutines there are.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <goro/diag.hpp>

#include "diag/dump.hpp"
#include "sched/goroutine.hpp"

namespace goro::detail {

struct census_member {
  goroutine_id id = 0;
  std::string name;
  std::string labels;  // as in a dump, with the space before them
};

// Goroutines in the same state that were started at the same place and, if stacks were looked at, stand at
// the same place.
struct census_group {
  std::string state;
  std::string created_at;
  std::size_t count = 0;
  std::vector<census_member> oldest;  // by id, up to k_census_sample
  std::uint32_t least_wait = 0;       // seconds for which they are known to have been parked
  std::uint32_t most_wait = 0;
  bool looked_at = false;  // what follows says where they stand
  missing lacks = missing::nothing;
  stack_trace trace;

  // Before the goroutine is counted.
  void add_wait(std::uint32_t seconds) noexcept {
    least_wait = count == 0 ? seconds : std::min(least_wait, seconds);
    most_wait = std::max(most_wait, seconds);
  }
};

// As in a dump; empty if it was not looked at.
std::string stack_in_words(const census_group& group);

inline constexpr std::size_t k_census_sample = 10;

struct census {
  std::size_t total = 0;             // goroutines that were seen
  std::size_t matching = 0;          // those among them that the filter lets through
  std::vector<census_group> groups;  // of these; the largest first
};

// Everybody with a larger id than `after` whose name, labels, state or place of creation contain `filter`,
// whatever the case of its letters, or whose id it is ("#17"); an empty one lets all through. A look at a
// moving target, as diag::goroutines(). Allocates; does not park.
census take_census(std::string_view filter, goroutine_id after = 0);

void sort_by_size(std::vector<census_group>& groups);  // the largest first

// The same by stacks, in which the filter is looked for, too. Of more goroutines than k_census_stacks the
// oldest are looked at; the others are in groups without. Each is held for a moment (stack/parked.hpp): some
// microseconds for each goroutine.
inline constexpr std::size_t k_census_stacks = 10'000;
census take_stack_census(std::string_view filter);

// The `limit` oldest of those, in full, by id; `matching` says how many there would be.
struct census_list {
  std::size_t total = 0;
  std::size_t matching = 0;
  std::vector<diag::goroutine_info> goroutines;
};
census_list list_goroutines(std::string_view filter, std::size_t limit);

// What has the turn on each P that is in use, now; an id of 0: nothing.
std::vector<census_member> running_now();

}  // namespace goro::detail
