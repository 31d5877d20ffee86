// What the page asks for, as JSON. docs/live-page.md describes the members.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace goro::detail {

inline constexpr std::size_t k_most_groups = 200;
inline constexpr std::size_t k_most_listed = 10'000;

// How long a goroutine that was ready waited for its turn, as the one has seen that answers a request.
struct turn_delay {
  std::chrono::nanoseconds median{0};
  std::chrono::nanoseconds longest{0};
};
turn_delay measure_turn_delay();

struct page_facts {
  std::string address;  // where it is served
  bool loopback = true;
};

// How goroutines are put together: not at all, by state and place of creation, or by their stacks, too, which
// takes ten times as long.
enum class grouping { none, place, stack };

// The state of the scheduler, and goroutines in groups. Takes some of the runtime's locks for microseconds.
std::string state_document(const page_facts& facts, grouping how, std::string_view filter);

// The oldest goroutines that the filter lets through, one by one.
std::string goroutines_document(std::string_view filter, std::size_t limit);

}  // namespace goro::detail
