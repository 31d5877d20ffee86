#include "diag/describe.hpp"

#include <algorithm>
#include <chrono>
#include <ostream>
#include <utility>

#include <goro/diag.hpp>

#include "diag/dump.hpp"
#include "diag/json_quoted.hpp"
#include "os/memory.hpp"
#include "sched/scheduler.hpp"
#include "stack/parked.hpp"
#include "stack/stack_pool.hpp"

namespace goro::detail {

namespace {

// The present goroutines.
std::vector<diag::goroutine_info> snapshot() {
  std::vector<diag::goroutine_info> all;
  for_each_descriptor([&all](const goroutine& g) {
    // Once: it may end meanwhile. Pairs with transition().
    const g_status status = g.status.load(std::memory_order_acquire);
    if (status != g_status::dead) all.push_back(info_of(g, state_of(g, status)));
  });
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return all;
}

}  // namespace

std::string name_of(const goroutine& g) {
  const lock_guard guard(extras_lock());
  return g.extras ? g.extras->name : std::string();
}

shared_labels labels_of(const goroutine& g) {
  const lock_guard guard(extras_lock());
  return g.extras ? g.extras->labels : nullptr;
}

std::string labels_in_words(const shared_labels& labels) {
  if (!labels || labels->empty()) return {};
  std::string text;
  for (const auto& [key, value] : *labels)
    text += (text.empty() ? " {" : ", ") + json_quoted(key) + ":" + json_quoted(value);
  return text + "}";
}

std::string in_quotes(std::string_view name) {
  constexpr const char* k_digits = "0123456789abcdef";
  std::string text = "\"";
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      text += {'\\', 'x', k_digits[byte >> 4], k_digits[byte & 15]};
      continue;
    }
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + '"';
}

std::string title(goroutine_id id, const std::string& name) {
  return "goroutine " + std::to_string(id) + (name.empty() ? "" : " " + in_quotes(name));
}

// What there is to know of one. Names and places are copied from a descriptor that may end meanwhile; both
// only change when it is used again, so they may then be its successor's.
diag::goroutine_info info_of(const goroutine& g, std::string state) {
  const std::chrono::seconds waiting(
      usual(g.status.load(std::memory_order_relaxed)) == g_status::waiting ? seconds_parked(g) : 0);
  const shared_labels labels = labels_of(g);
  const stack_slot* stack = g.bound_stack.load(std::memory_order_acquire);  // pairs with bind()
  return {.id = g.id.load(std::memory_order_relaxed),
          .name = name_of(g),
          .labels = labels ? *labels : goroutine_labels(),
          .state = std::move(state),
          .created_at = place_of(g.where.load(std::memory_order_relaxed)),
          .creator = g.creator.load(std::memory_order_relaxed),
          .waiting = waiting,
          .stack_limit = stack ? stack->limit.load(std::memory_order_relaxed) : 0,
          .stack_used = stack ? resident_from_top(stack->bottom, stack->top) : 0};
}

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

std::string title_of(goroutine_id id) {
  std::string name;
  for_each_descriptor([&](const goroutine& g) {
    if (g.id.load(std::memory_order_relaxed) == id &&
        g.status.load(std::memory_order_acquire) != g_status::dead)  // pairs with transition()
      name = name_of(g);
  });
  return title(id, name);
}

std::string title_of(const goroutine& g) { return title(g.id.load(std::memory_order_relaxed), name_of(g)); }

}  // namespace goro::detail

namespace goro::diag {

std::vector<goroutine_info> goroutines() { return detail::snapshot(); }

void dump_goroutines(std::ostream& out) {
  std::string text;
  {
    const detail::race_hidden hidden;
    text = detail::describe_all();
  }
  out << text;
}

std::string stack_of(std::uint64_t id) {
  const detail::race_hidden hidden;
  return detail::describe_stack(id);
}

}  // namespace goro::diag
