#include "diag/goroutine_groups.hpp"

#include <algorithm>
#include <utility>

#include "diag/describe.hpp"

namespace goro::detail {

void goroutine_groups::add(sighting& s) {
  const auto [at, is_new] = by_key_.try_emplace(
      key{s.state, place_of(s.where), s.lacks, {s.trace.pcs.begin(), s.trace.pcs.begin() + s.trace.size}});
  if (is_new) at->second.trace = s.trace;
  at->second.members.push_back({.id = s.id,
                                .creator = s.creator,
                                .seconds = s.seconds,
                                .name = std::move(s.name),
                                .labels = std::move(s.labels)});
}

std::vector<goroutine_group> goroutine_groups::take() {
  std::vector<goroutine_group> all;
  for (auto& [k, group] : by_key_) {
    std::tie(group.state, group.place, group.lacks, std::ignore) = k;
    std::sort(group.members.begin(), group.members.end(),
              [](const auto& a, const auto& b) { return a.id < b.id; });
    all.push_back(std::move(group));
  }
  std::sort(all.begin(), all.end(), [](const goroutine_group& a, const goroutine_group& b) {
    return a.members.front().id < b.members.front().id;
  });
  return all;
}

}  // namespace goro::detail
