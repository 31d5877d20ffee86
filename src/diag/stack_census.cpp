// The census by stacks. They are looked at as for a dump (dump.cpp), of the oldest goroutines; those that are
// younger are counted without. A stack is put into words only where that is asked for: here if there is a
// filter to look for in it, otherwise by who shows the group.
#include <algorithm>
#include <iterator>
#include <utility>

#include <goro/detail/race.hpp>

#include "diag/census.hpp"
#include "diag/describe.hpp"
#include "diag/goroutine_groups.hpp"
#include "diag/text_filter.hpp"

namespace goro::detail {

namespace {

// Of those that the filter lets through.
census_group as_census_group(goroutine_group& from, const text_filter& filter) {
  census_group to;
  to.state = std::move(from.state);
  to.created_at = std::move(from.place);
  to.lacks = from.lacks;
  to.trace = from.trace;
  to.looked_at = true;
  const bool all = filter.found_in(to.state) || filter.found_in(to.created_at) ||
                   (!filter.lets_all_through() && filter.found_in(stack_in_words(to)));
  for (goroutine_group::member& m : from.members) {
    const std::string labels = labels_in_words(m.labels);
    if (!all && !filter.means(m.id, m.name) && !filter.found_in(labels)) continue;
    to.add_wait(m.seconds);
    ++to.count;
    if (to.oldest.size() != k_census_sample)
      to.oldest.push_back({.id = m.id, .name = std::move(m.name), .labels = labels});
  }
  return to;
}

}  // namespace

std::string stack_in_words(const census_group& group) {
  return group.looked_at ? in_words(group.trace) + in_words(group.lacks) : std::string();
}

census take_stack_census(std::string_view filter_text) {
  const race_hidden hidden;
  const text_filter filter(filter_text);
  goroutine_groups oldest;
  const stacks_seen seen = look_at_oldest(k_census_stacks, [&oldest](sighting& s) { oldest.add(s); });
  census all;
  for (goroutine_group& group : oldest.take()) {
    all.total += group.members.size();
    census_group one = as_census_group(group, filter);
    if (one.count == 0) continue;
    all.matching += one.count;
    all.groups.push_back(std::move(one));
  }
  if (seen.left_out != 0) {
    census rest = take_census(filter_text, seen.last);
    all.total += rest.total;
    all.matching += rest.matching;
    std::move(rest.groups.begin(), rest.groups.end(), std::back_inserter(all.groups));
  }
  sort_by_size(all.groups);
  return all;
}

}  // namespace goro::detail
