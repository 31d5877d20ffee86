// What stands in reports about goroutines: one, or all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <source_location>
#include <span>
#include <string>

#include "diag/backtrace.hpp"
#include "diag/traceback.hpp"
#include "sched/goroutine.hpp"

namespace goro::detail {

// "goroutine N [running]:", its stack, and "created at ...". The calling goroutine's own, as it stands here.
std::string describe_caller(const goroutine& g);
// The same for a thread that is not the runtime's: "thread N [running]:" and its stack.
std::string describe_thread();
// That of a goroutine with the stack on which the exception in flight was thrown, if that was noted
// (`unwound`), or else with that of the caller, which std::terminate was called on.
enum class panic_stage { unwound, terminates };
std::string describe_panic(const goroutine& g, panic_stage stage);

// All goroutines but one (or null), those of equal stack and state as one, with an empty line after each.
std::string describe_all(const goroutine* but = nullptr);

// Those with these numbers, in the same way.
std::string describe_those(std::span<const goroutine_id> ids);

// The stack of the goroutine with that number: empty if there is none, or if it has not begun.
std::string describe_stack(goroutine_id id);

// Why a stack is not there.
enum class missing { nothing, begun, running, unsteady, fences };
const char* in_words(missing what) noexcept;

// One goroutine as it was found.
struct sighting {
  goroutine_id id = 0;
  g_status status = g_status::dead;
  std::string state;
  std::uint32_t seconds = 0;
  std::source_location where;
  goroutine_id creator = 0;
  std::string name;
  shared_labels labels;
  missing lacks = missing::nothing;
  stack_trace trace;
};

inline constexpr goroutine_id k_every_id = std::numeric_limits<goroutine_id>::max();

// Which goroutines were looked at: those up to this number.
struct stacks_seen {
  goroutine_id last = k_every_id;
  std::size_t left_out = 0;
};

// Calls take() for the `most` oldest, all but one (or null), in some order.
stacks_seen look_at_oldest(std::size_t most, const std::function<void(sighting&)>& take,
                           const goroutine* but = nullptr);

}  // namespace goro::detail
