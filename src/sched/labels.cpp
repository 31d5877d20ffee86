#include "sched/labels.hpp"

#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include <goro/go.hpp>

#include "sched/scheduler.hpp"

namespace goro::detail {

namespace {

// A key keeps its place when it is set again; an empty value takes it away.
void set_in(goroutine_labels& all, std::string_view key, std::string_view value) {
  const auto at = std::find_if(all.begin(), all.end(), [key](const auto& l) { return l.first == key; });
  if (value.empty()) {
    if (at != all.end()) all.erase(at);
  } else if (at != all.end()) {
    at->second = value;
  } else {
    all.emplace_back(key, value);
  }
}

void replace_labels(goroutine_extras& extras, shared_labels by) noexcept {
  const lock_guard guard(extras_lock());
  extras.labels.swap(by);
}

}  // namespace

shared_labels with_labels(const shared_labels& base, const goroutine_labels& set) {
  auto all = base ? std::make_shared<goroutine_labels>(*base) : std::make_shared<goroutine_labels>();
  for (const auto& [key, value] : set) set_in(*all, key, value);
  return all;
}

shared_labels own_labels() noexcept {
  const machine* mp = current_machine();
  const goroutine* gp = mp ? mp->curg.get() : nullptr;
  return gp && gp->extras ? gp->extras->labels : nullptr;
}

void inherit_labels(goroutine* gp, const goroutine& starter) noexcept {
  const shared_labels& labels = starter.extras->labels;
  if (!labels || labels->empty() || (gp->extras && gp->extras->labels)) return;
  try {
    replace_labels(extras_of(gp), labels);
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): only reports would have shown them
  }
}

}  // namespace goro::detail

namespace goro::this_goroutine {

void set_label(std::string_view key, std::string_view value) {
  const detail::race_hidden hidden;
  const detail::machine* mp = detail::current_machine();
  if (!mp || !mp->curg) return;
  detail::shared_labels labels =
      detail::with_labels(detail::own_labels(), {{std::string(key), std::string(value)}});
  detail::replace_labels(extras_of(mp->curg), std::move(labels));
}

}  // namespace goro::this_goroutine
