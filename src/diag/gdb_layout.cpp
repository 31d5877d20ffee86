#include "diag/gdb_layout.hpp"

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

#include "arch/saved_frame.hpp"
#include "sched/scheduler.hpp"
#include "sched/wait_reason.hpp"
#include "stack/stack.hpp"

namespace goro::detail {

namespace {

// As many as to_string() has a name for.
constexpr std::size_t count_reasons() {
  std::size_t n = 0;
  while (to_string(static_cast<wait_reason>(n)) != std::string_view("?")) ++n;
  return n;
}
static_assert(count_reasons() > static_cast<std::size_t>(wait_reason::select_no_cases_until));

constexpr auto k_reason_names = [] {
  std::array<const char*, count_reasons()> names{};
  for (std::size_t i = 0; i != names.size(); ++i) names[i] = to_string(static_cast<wait_reason>(i));
  return names;
}();

// The script asks for these words, not for the numbers.
constexpr auto k_status_names = [] {
  std::array<const char*, 4> names{};
  names[static_cast<std::size_t>(g_status::dead)] = "dead";
  names[static_cast<std::size_t>(g_status::runnable)] = "runnable";
  names[static_cast<std::size_t>(g_status::running)] = "running";
  names[static_cast<std::size_t>(g_status::waiting)] = "waiting";
  return names;
}();

// Address and length come first in libstdc++'s strings, except those of its former ABI, which are one
// pointer.
constexpr bool k_names_readable = sizeof(std::string) == 4 * sizeof(void*);
constexpr std::size_t k_name = offsetof(goroutine_extras, name);

static_assert(std::is_standard_layout_v<bound<void (*)()>> && offsetof(bound<void (*)()>, f) == 0);

// A source_location is a pointer to what the compiler has laid down: two strings, line and column, in the
// order of libstdc++'s and libc++'s class, which is private. (tests/gdb shows whether that is right.)
static_assert(sizeof(std::source_location) == sizeof(void*));

static_assert(sizeof(goroutine::id) == 8 && sizeof(goroutine::creator) == 8 &&
              sizeof(goroutine::status) == 1 && sizeof(goroutine::reason) == 1 &&
              sizeof(thread_id::number) == 4);
static_assert(sizeof(void*) == 8 && std::is_standard_layout_v<gdb_layout> && sizeof(gdb_layout) % 8 == 0);

// All of it is made by the compiler: there is no moment at which the table is not there.
constexpr gdb_layout k_layout = {
    .version = gdb_layout::k_version,
    .words = sizeof(gdb_layout) / 8,
    .frame = &k_saved_frame,
    .descriptors = &k_descriptor_map,
    .machines = &g_scheduler.value.machines,
    .status_names = k_status_names.data(),
    .status_count = k_status_names.size(),
    .status_locked = k_locked,
    .status_marks = k_locked | k_marked,
    .reason_names = k_reason_names.data(),
    .reason_count = k_reason_names.size(),
    .machine_size = sizeof(machine),
    .machine_next = offsetof(machine, next_machine),
    .machine_curg = offsetof(machine, curg),
    .machine_left = offsetof(machine, left),
    .machine_tid = offsetof(machine, thread) + offsetof(thread_id, number),
    .goroutine_size = sizeof(goroutine),
    .goroutine_id = offsetof(goroutine, id),
    .goroutine_creator = offsetof(goroutine, creator),
    .goroutine_status = offsetof(goroutine, status),
    .goroutine_reason = offsetof(goroutine, reason),
    .goroutine_sp = offsetof(goroutine, sp),
    .goroutine_stack = offsetof(goroutine, bound_stack),
    .goroutine_call = offsetof(goroutine, call),
    .goroutine_closure = offsetof(goroutine, closure),
    .goroutine_where = offsetof(goroutine, where),
    .place_file = 0,
    .place_function = sizeof(void*),
    .place_line = 2 * sizeof(void*),
    .goroutine_extras = offsetof(goroutine, extras),
    .extras_name = k_names_readable ? k_name : gdb_layout::k_nowhere,
    .extras_name_length = k_names_readable ? k_name + sizeof(void*) : gdb_layout::k_nowhere,
    .stack_bottom = offsetof(stack_slot, bottom),
    .stack_top = offsetof(stack_slot, top),
};

}  // namespace

}  // namespace goro::detail

constinit const goro::detail::gdb_layout goro_gdb_layout = goro::detail::k_layout;
