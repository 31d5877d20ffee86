#include "support/wait.hpp"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include <goro/diag.hpp>

namespace goro_test {

namespace {

std::set<goro::goroutine_id>& overlooked() {
  static std::set<goro::goroutine_id> ids;
  return ids;
}

std::vector<goro::diag::goroutine_info> goroutines_named(std::string_view name) {
  std::vector<goro::diag::goroutine_info> found = goro::diag::goroutines();
  std::erase_if(found, [&](const auto& g) { return g.name != name || overlooked().contains(g.id); });
  return found;
}

}  // namespace

void overlook_present_goroutines() {
  for (const auto& g : goro::diag::goroutines()) overlooked().insert(g.id);
}

goro::diag::goroutine_info info_of(std::string_view name) {
  auto found = goroutines_named(name);
  return found.empty() ? goro::diag::goroutine_info() : std::move(found.front());
}

std::string state_of(std::string_view name) { return info_of(name).state; }

std::size_t parked_count(std::string_view name) {
  const auto found = goroutines_named(name);
  return static_cast<std::size_t>(std::count_if(found.begin(), found.end(), [](const auto& g) {
    return g.state != "runnable" && g.state != "running";
  }));
}

bool all_park(std::string_view name, std::size_t n) {
  return eventually([&] { return parked_count(name) == n; });
}

}  // namespace goro_test
