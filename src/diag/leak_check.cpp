#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <goro/detail/race.hpp>
#include <goro/diag.hpp>
#include <goro/go.hpp>

#include "diag/describe.hpp"
#include "diag/fatal.hpp"
#include "diag/lock_report.hpp"
#include "diag/unreachable.hpp"
#include "sched/goroutine.hpp"

namespace goro::diag {

namespace {

constexpr auto k_grace = std::chrono::seconds(1);  // for those that are about to end
constexpr int k_looks = 20;                        // for a moment at which nothing runs

using goroutine_ids = std::vector<goroutine_id>;

// Of those that are there and `wanted`. Only numbers are kept: the texts of goroutines() would leave
// addresses behind, where a channel may lie next, in freed memory, which find_never_woken searches.
template <class Wanted>
goroutine_ids present(Wanted wanted) {
  goroutine_ids ids;
  detail::for_each_descriptor([&](const detail::goroutine& g) {
    const detail::g_status status = g.status.load(std::memory_order_acquire);  // pairs with transition()
    if (status == detail::g_status::dead) return;
    const goroutine_id id = g.id.load(std::memory_order_relaxed);
    if (wanted(id, g)) ids.push_back(id);
  });
  std::sort(ids.begin(), ids.end());
  return ids;
}

goroutine_ids left_behind(const std::vector<std::string>& allowed, const goroutine_ids& before) {
  return present([&](goroutine_id id, const detail::goroutine& g) {
    return !std::binary_search(before.begin(), before.end(), id) &&
           (allowed.empty() ||
            std::find(allowed.begin(), allowed.end(), detail::name_of(g)) == allowed.end());
  });
}

std::string sentences(const goroutine_ids& those) {
  const detail::race_hidden hidden;
  std::string text = "goro: leak_check: " + std::to_string(those.size()) +
                     " goroutine(s) started in its scope have not ended";
  for (const detail::never_woken& g : detail::find_never_woken(those, k_looks).found)
    text += "\n" + detail::title_of(g.id) + " " + detail::in_words(g.reason);
  for (const detail::lock_cycle& cycle : detail::lock_cycles()) text += "\n" + detail::in_words(cycle);
  return text;
}

}  // namespace

leak_check::leak_check(std::vector<std::string> allowed)
    : allowed_(std::move(allowed)), before_(present([](auto, const auto&) { return true; })) {}

std::size_t leak_check::leaked() const { return left_behind(allowed_, before_).size(); }

leak_check::~leak_check() {
  const auto limit = std::chrono::steady_clock::now() + k_grace;
  while (leaked() != 0 && std::chrono::steady_clock::now() < limit) {
    if (this_goroutine::id() != 0) {
      this_goroutine::yield();
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  if (const auto those = left_behind(allowed_, before_); !those.empty()) detail::fatal(sentences(those));
}

}  // namespace goro::diag
