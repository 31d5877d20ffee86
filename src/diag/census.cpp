// Descriptors never move and are never unmapped (sched/goroutine.hpp), so all of them can be walked over at
// any time, and while they are, nothing is kept of one but what the answer needs: a counter in its group, or
// its address if it is one of the oldest. The texts are made once for each group.
//
// A group is found by the addresses of the texts in a std::source_location, since to compare the texts would
// take most of the time. The same line may have several addresses (a header in several objects), so groups of
// equal texts are put together at the end.
//
// What is read of a goroutine may be its successor's if it ends meanwhile: for a picture that is renewed each
// second that is good enough.
#include "diag/census.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <source_location>
#include <tuple>
#include <unordered_map>
#include <utility>

#include <goro/detail/race.hpp>

#include "diag/describe.hpp"
#include "diag/text_filter.hpp"
#include "sched/scheduler.hpp"
#include "stack/parked.hpp"

namespace goro::detail {

namespace {

struct key {
  g_status status;
  wait_reason reason;
  const char* file;
  const char* function;
  unsigned line;
  friend bool operator==(const key&, const key&) = default;
};

struct hash_of_key {
  std::size_t operator()(const key& k) const noexcept {
    std::size_t h = static_cast<std::size_t>(k.status) << 8 | static_cast<std::size_t>(k.reason);
    h = h * 31 + std::hash<const void*>()(k.file);
    h = h * 31 + std::hash<const void*>()(k.function);
    return h * 31 + k.line;
  }
};

struct sight {
  g_status status;
  wait_reason reason;
  std::source_location where;

  key as_key() const noexcept {
    return {status, reason, where.file_name(), where.function_name(), where.line()};
  }
};

// The smallest ids, as a heap with the largest of them in front.
struct oldest_ids {
  std::vector<std::pair<goroutine_id, const goroutine*>> those;

  void consider(goroutine_id id, const goroutine& g, std::size_t most) {
    if (those.size() == most) {
      if (most == 0 || those.front().first < id) return;
      std::pop_heap(those.begin(), those.end());
      those.pop_back();
    }
    those.emplace_back(id, &g);
    std::push_heap(those.begin(), those.end());
  }
};

struct counted {
  census_group group;    // without `oldest`
  bool matches = false;  // all of it do
  oldest_ids oldest;
};

// Whatever is to be done with each goroutine that the filter lets through.
class survey {
 public:
  // Of those that are younger than the one with the number `after`.
  survey(std::string_view filter, std::size_t sample, goroutine_id after = 0)
      : filter_(filter), sample_(sample), after_(after) {}

  void take_all() {
    for_each_descriptor([this](const goroutine& g) { take(g); });
  }

  std::size_t total() const noexcept { return total_; }
  std::size_t matching() const noexcept { return matching_; }
  const oldest_ids& oldest() const noexcept { return oldest_; }
  std::unordered_map<key, counted, hash_of_key>& groups() noexcept { return groups_; }

 private:
  void take(const goroutine& g) {
    const g_status status = g.status.load(std::memory_order_acquire);  // pairs with transition()
    const goroutine_id id = g.id.load(std::memory_order_relaxed);
    if (status == g_status::dead || id <= after_) return;
    ++total_;
    const bool waits = usual(status) == g_status::waiting;
    const sight seen{.status = usual(status),
                     .reason = waits ? g.reason.load(std::memory_order_relaxed) : wait_reason::none,
                     .where = g.where.load(std::memory_order_relaxed)};
    counted& one = group_of(g, seen);
    if (!one.matches && !filter_.means(id, name_of(g)) && !filter_.found_in(labels_in_words(labels_of(g))))
      return;
    ++matching_;
    one.group.add_wait(waits ? seconds_parked(g) : 0);
    ++one.group.count;
    one.oldest.consider(id, g, std::min(sample_, k_census_sample));
    oldest_.consider(id, g, sample_);
  }

  counted& group_of(const goroutine& g, const sight& seen) {
    const auto [at, is_new] = groups_.try_emplace(seen.as_key());
    census_group& group = at->second.group;
    if (is_new) {
      group.state = state_of(g, seen.status);
      group.created_at = place_of(seen.where);
      at->second.matches = filter_.found_in(group.state) || filter_.found_in(group.created_at);
    }
    return at->second;
  }

  const text_filter filter_;
  const std::size_t sample_;
  const goroutine_id after_;
  std::size_t total_ = 0;
  std::size_t matching_ = 0;
  oldest_ids oldest_;
  std::unordered_map<key, counted, hash_of_key> groups_;
};

void add_to(census_group& to, const counted& from) {
  to.least_wait = to.count == 0 ? from.group.least_wait : std::min(to.least_wait, from.group.least_wait);
  to.most_wait = std::max(to.most_wait, from.group.most_wait);
  to.count += from.group.count;
  for (const auto& [id, gp] : from.oldest.those)
    to.oldest.push_back({.id = id, .name = name_of(*gp), .labels = labels_in_words(labels_of(*gp))});
  std::sort(to.oldest.begin(), to.oldest.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  if (to.oldest.size() > k_census_sample) to.oldest.resize(k_census_sample);
}

}  // namespace

void sort_by_size(std::vector<census_group>& groups) {
  std::sort(groups.begin(), groups.end(), [](const census_group& a, const census_group& b) {
    return std::tie(b.count, a.state, a.created_at) < std::tie(a.count, b.state, b.created_at);
  });
}

census take_census(std::string_view filter, goroutine_id after) {
  const race_hidden hidden;
  survey all(filter, k_census_sample, after);
  all.take_all();
  std::map<std::pair<std::string, std::string>, census_group> by_text;
  for (auto& [k, one] : all.groups()) {
    if (one.group.count == 0) continue;
    census_group& to = by_text[{one.group.state, one.group.created_at}];
    to.state = one.group.state;
    to.created_at = one.group.created_at;
    add_to(to, one);
  }
  census result{.total = all.total(), .matching = all.matching(), .groups = {}};
  for (auto& [texts, group] : by_text) result.groups.push_back(std::move(group));
  sort_by_size(result.groups);
  return result;
}

census_list list_goroutines(std::string_view filter, std::size_t limit) {
  const race_hidden hidden;
  survey all(filter, limit);
  all.take_all();
  census_list result{.total = all.total(), .matching = all.matching(), .goroutines = {}};
  oldest_ids oldest = all.oldest();
  std::sort_heap(oldest.those.begin(), oldest.those.end());
  for (const auto& [id, gp] : oldest.those) {
    const g_status status = gp->status.load(std::memory_order_acquire);  // pairs with transition()
    if (status == g_status::dead || gp->id.load(std::memory_order_relaxed) != id) continue;
    result.goroutines.push_back(info_of(*gp, state_of(*gp, status)));
  }
  return result;
}

std::vector<census_member> running_now() {
  const race_hidden hidden;
  std::vector<census_member> all;
  const int made = sched.made.load(std::memory_order_acquire);  // pairs with make_processor()
  const int procs = std::min(made, sched.procs.load(std::memory_order_relaxed));
  for (int i = 0; i != procs; ++i) {
    const processor* pp = sched.all[i].load(std::memory_order_relaxed);
    const machine* mp = pp->owner.load(std::memory_order_acquire);  // pairs with take_into_use()
    const goroutine* gp = mp ? mp->curg.get() : nullptr;
    census_member one;
    if (gp) {
      see_descriptors();
      one = {.id = gp->id.load(std::memory_order_relaxed), .name = name_of(*gp), .labels = {}};
    }
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace goro::detail
