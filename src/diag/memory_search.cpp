#include "diag/memory_search.hpp"

#include <algorithm>

namespace goro::detail {

void memory_search::sort_left_out() {
  std::sort(left_out_.begin(), left_out_.end(),
            [](const address_range& a, const address_range& b) { return a.first < b.first; });
}

bool memory_search::is_feasible(const std::vector<mapping>& all) const noexcept {
  constexpr std::uintptr_t k_most_space = std::uintptr_t{256} << 30;
  std::uintptr_t space = 0;
  for (const mapping& m : all) {
    std::uintptr_t left = m.end - m.first;
    for (const address_range& r : left_out_) {
      if (r.first < m.end && r.end > m.first)
        left -= std::min(left, std::min(r.end, m.end) - std::max(r.first, m.first));
    }
    space += left;
  }
  return space <= k_most_space;
}

}  // namespace goro::detail
