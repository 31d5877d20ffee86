#include "diag/describe.hpp"

#include <algorithm>
#include <chrono>
#include <ostream>
#include <thread>
#include <utility>

#include <goro/diag.hpp>
#include <goro/go.hpp>

#include "diag/fatal.hpp"
#include "os/memory.hpp"
#include "sched/scheduler.hpp"
#include "stack/stack_pool.hpp"

namespace goro::detail {

namespace {

std::string name_of(const goroutine& g) {
  const lock_guard guard(extras_lock());
  return g.extras ? g.extras->name : std::string();
}

// What there is to know of one. Names and places are copied from a descriptor that may end meanwhile; both
// only change when it is used again, so they may then be its successor's.
diag::goroutine_info info_of(const goroutine& g, std::string state) {
  const stack_slot* stack = g.bound_stack.load(std::memory_order_acquire);  // pairs with bind()
  return {.id = g.id.load(std::memory_order_relaxed),
          .name = name_of(g),
          .state = std::move(state),
          .created_at = place_of(g.where.load(std::memory_order_relaxed)),
          .creator = g.creator.load(std::memory_order_relaxed),
          .stack_limit = stack ? stack->limit.load(std::memory_order_relaxed) : 0,
          .stack_used = stack ? resident_from_top(stack->bottom, stack->top) : 0};
}

// The present goroutines.
std::vector<diag::goroutine_info> snapshot() {
  std::vector<diag::goroutine_info> all;
  const auto visit = [](goroutine& g, void* arg) {
    const g_status status = g.status.load(std::memory_order_acquire);  // once: it may end meanwhile
    if (status == g_status::dead) return;
    static_cast<std::vector<diag::goroutine_info>*>(arg)->push_back(info_of(g, state_of(g, status)));
  };
  for_each_descriptor(visit, &all);
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return all;
}

std::string label(std::uint64_t id, const std::string& name) {
  return "goroutine " + std::to_string(id) + (name.empty() ? "" : " \"" + name + "\"");
}

std::string in_words(const diag::goroutine_info& g) {
  std::string text = label(g.id, g.name) + " [" + g.state + "]:\ncreated at " + g.created_at;
  if (g.creator != 0) text += " in goroutine " + std::to_string(g.creator);
  return text + "\n";
}

}  // namespace

std::string state_of(const goroutine& g, g_status status) {
  switch (usual(status)) {
    case g_status::dead:
      return "dead";
    case g_status::runnable:
      return "runnable";
    case g_status::running:
      return "running";
    case g_status::waiting:
      break;
  }
  return to_string(g.reason.load(std::memory_order_relaxed));
}

std::string place_of(const std::source_location& where) {
  if (where.line() == 0) return "(unknown place)";
  return std::string(where.file_name()) + ":" + std::to_string(where.line()) + " (" + where.function_name() +
         ")";
}

std::string label_of(const goroutine& g) { return label(g.id.load(std::memory_order_relaxed), name_of(g)); }

std::string describe(const goroutine& g, const std::string& state) { return in_words(info_of(g, state)); }

std::string describe_all() {
  constexpr std::size_t k_most = 100;  // a report of a million goroutines helps nobody
  std::string text;
  const auto all = snapshot();
  for (std::size_t i = 0; i != std::min(all.size(), k_most); ++i) text += in_words(all[i]) + "\n";
  if (all.size() > k_most) text += "... and " + std::to_string(all.size() - k_most) + " more goroutines\n";
  return text;
}

}  // namespace goro::detail

namespace goro::diag {

std::vector<goroutine_info> goroutines() { return detail::snapshot(); }

void dump_goroutines(std::ostream& out) {
  for (const goroutine_info& g : goroutines()) out << detail::in_words(g) << '\n';
}

namespace {

std::vector<std::uint64_t> ids_now() {
  std::vector<std::uint64_t> ids;
  for (const goroutine_info& g : goroutines()) ids.push_back(g.id);
  return ids;
}

}  // namespace

leak_check::leak_check() : before_(ids_now()) {}

std::size_t leak_check::leaked() const {
  const auto now = ids_now();
  return static_cast<std::size_t>(std::count_if(now.begin(), now.end(), [this](std::uint64_t id) {
    return !std::binary_search(before_.begin(), before_.end(), id);
  }));
}

leak_check::~leak_check() {
  // Those that are about to end get a second; then they count as leaked.
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  while (leaked() != 0 && std::chrono::steady_clock::now() < limit) {
    if (this_goroutine::id() != 0) {
      this_goroutine::yield();
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  if (const std::size_t n = leaked(); n != 0) {
    detail::fatal("goro: leak_check: " + std::to_string(n) +
                  " goroutine(s) started in its scope have not ended");
  }
}

}  // namespace goro::diag
