#include "support/wait.hpp"

#include <algorithm>

#include <goro/diag.hpp>

namespace goro_test {

namespace {

bool waits(const goro::diag::goroutine_info& g) { return g.state != "runnable" && g.state != "running"; }

}  // namespace

std::string state_of(std::string_view name) {
  for (const auto& g : goro::diag::goroutines()) {
    if (g.name == name) return g.state;
  }
  return {};
}

std::size_t parked_count(std::string_view name) {
  const auto all = goro::diag::goroutines();
  return static_cast<std::size_t>(
      std::count_if(all.begin(), all.end(), [&](const auto& g) { return g.name == name && waits(g); }));
}

bool all_park(std::string_view name, std::size_t n) {
  return eventually([&] { return parked_count(name) == n; });
}

}  // namespace goro_test
