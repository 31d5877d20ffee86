#include "diag/lock_report.hpp"

#include <cstdio>
#include <new>
#include <span>
#include <vector>

#include "diag/debug_env.hpp"
#include "diag/describe.hpp"
#include "diag/dump.hpp"
#include "diag/fatal.hpp"
#include "diag/symbols.hpp"

namespace goro::detail {

namespace {

std::string name_in_words(party who) {
  if (who.is_thread()) return "thread " + std::to_string(who.number());
  return title_of(who.number());
}

std::string name_in_words(const mutex* m) {
  char text[32];
  std::snprintf(text, sizeof text, "%p", static_cast<const void*>(m));
  return text;
}

// The innermost function at that address that the program's author has written.
std::string taken_at(std::uintptr_t where) {
  std::string text;
  const auto visit = [](const raw_frame& f, void* arg) {
    auto& place = *static_cast<std::string*>(arg);
    if (!place.empty() || !f.file || is_library(f)) return;
    place = std::string(" (taken at ") + f.file + ":" + std::to_string(f.line) + ")";
  };
  for_each_frame(where, visit, &text);
  return text;
}

}  // namespace

std::string in_words(const lock_cycle& cycle) {
  const std::span<const lock_link> links(cycle.links.data(), cycle.size);
  const lock_link& first = links.front();
  const lock_link& last = links.back();  // what it wants is the first one's
  if (cycle.size == 1) {
    return "goro: deadlock of a mutex: " + name_in_words(first.who) + " waits for " +
           name_in_words(first.wanted) + ", which it holds itself" + taken_at(first.taken_at);
  }
  std::string text = "goro: deadlock among mutexes: " + name_in_words(first.who) + " holds " +
                     name_in_words(last.wanted) + taken_at(last.taken_at) + " and waits for " +
                     name_in_words(first.wanted);
  for (std::size_t i = 1; i != cycle.size; ++i) {
    text += ", held by " + name_in_words(links[i].who) + taken_at(links[i - 1].taken_at) +
            ", which waits for " + name_in_words(links[i].wanted);
  }
  return text;
}

void report(const lock_cycle& cycle) noexcept {
  try {
    std::string text = in_words(cycle) + "\n\n";
    if (traceback() != traceback_level::none) {
      if (cycle.links[0].who.is_thread()) text += describe_thread() + "\n";
      std::vector<goroutine_id> those;
      for (std::size_t i = 0; i != cycle.size; ++i) {
        if (!cycle.links[i].who.is_thread()) those.push_back(cycle.links[i].who.number());
      }
      text += describe_those(those);
    }
    write_stderr(text);
  } catch (const std::bad_alloc&) {
    write_stderr("goro: no memory to tell of a deadlock among mutexes\n");
  }
}

}  // namespace goro::detail
