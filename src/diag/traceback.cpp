// Which frames a report shows: what the program's author knows. At the inner end the machinery of parking, of
// throwing and of the report itself is left out, so that the first line names the operation, or the function
// that calls it; at the outer end what goro and the standard library put around a goroutine's function. What
// stands between two functions of the program stays, whosoever it is.
#include "diag/traceback.hpp"

#include <algorithm>
#include <cstdio>
#include <span>
#include <vector>

#include "diag/symbols.hpp"

namespace goro::detail {

namespace {

struct frame {
  raw_frame raw;
  bool runtime = false;
  bool library = false;
  bool thrower = false;
};

std::vector<frame> frames_of(const stack_trace& trace) {
  std::vector<frame> all;
  for (std::size_t i = 0; i != trace.size; ++i) {
    for_each_frame(
        trace.pcs[i],
        [](const raw_frame& f, void* arg) {
          static_cast<std::vector<frame>*>(arg)->push_back(
              {.raw = f, .runtime = is_runtime(f), .library = is_library(f), .thrower = is_thrower(f)});
        },
        &all);
  }
  return all;
}

// Of the runtime's own goroutines everything is the library's: then only the scheduler's part goes.
std::span<const frame> without_outer_end(std::span<const frame> all) {
  const auto last = std::find_if(all.rbegin(), all.rend(), [](const frame& f) { return !f.library; });
  if (last != all.rend()) return all.first(static_cast<std::size_t>(all.rend() - last));
  while (!all.empty() && all.back().runtime) all = all.first(all.size() - 1);
  return all;
}

std::span<const frame> shown(std::span<const frame> all, trace_of what, bool complete) {
  if (what == trace_of::exception) {
    constexpr std::size_t k_deepest = 32;  // of what stands between the throw and who looks at its stack
    const auto inner = all.first(std::min(all.size(), k_deepest));
    const auto thrower = std::find_if(inner.rbegin(), inner.rend(), [](const frame& f) { return f.thrower; });
    all = all.subspan(static_cast<std::size_t>(inner.rend() - thrower));
  }
  const auto first = std::find_if(all.begin(), all.end(), [](const frame& f) { return !f.runtime; });
  all = all.subspan(static_cast<std::size_t>(first - all.begin()));
  return complete ? without_outer_end(all) : all;
}

std::string in_words(const raw_frame& f) {
  std::string text = f.function ? demangled(f.function) : "??";
  // Of a C function the linker knows no arguments.
  if (f.function && text.find('(') == text.npos) text += "(...)";
  text += "\n\t";
  if (f.file) return text + f.file + ":" + std::to_string(f.line) + "\n";
  char offset[32];
  std::snprintf(offset, sizeof offset, "+0x%zx\n", f.offset);
  return text + (f.module ? f.module : "") + offset;
}

}  // namespace

std::string in_words(const stack_trace& trace, trace_of what) {
  const std::vector<frame> all = frames_of(trace);
  std::string text;
  for (const frame& f : shown(all, what, !trace.elided)) text += in_words(f.raw);
  if (trace.elided) text += "...additional frames elided...\n";
  return text;
}

}  // namespace goro::detail
