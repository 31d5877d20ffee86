// Where everything lies, for tools/gdb/goro.py.
//
// The script reads the memory of a process that stands still, or a core file, and may know no type: programs
// are built with -g1, or without -g. So the program carries this table. It is found by its symbol,
// `goro_gdb_layout`, and is made from the types themselves, so that it cannot say what is no longer true:
// whoever moves a field changes nothing here and nothing in the script.
//
// It is a sequence of 64-bit words. The script knows their order by FIELDS (and MAP_FIELDS for
// descriptor_map), and their number from the second one. Who adds a word, takes one away or changes what one
// means increases k_version and the script's VERSION; a script that meets another version says so and does
// nothing. Nothing of the runtime reads it. A linker keeps it because ensure_started() refers to it.
#pragma once

#include <cstdint>

namespace goro::detail {

struct descriptor_map;
struct saved_frame;

struct gdb_layout {
  static constexpr std::uint64_t k_version = 1;
  static constexpr std::uint64_t k_nowhere = ~std::uint64_t{0};  // an offset of what cannot be read

  std::uint64_t version;
  std::uint64_t words;  // of this table

  const saved_frame* frame;           // what a switch saves
  const descriptor_map* descriptors;  // how to find all goroutines
  const void* machines;               // where the address of the first machine stands

  // Names by number. A status may have marks besides, of which one says that it is locked to a thread.
  const char* const* status_names;
  std::uint64_t status_count;
  std::uint64_t status_locked;
  std::uint64_t status_marks;
  const char* const* reason_names;
  std::uint64_t reason_count;

  // Offsets, and sizes.
  std::uint64_t machine_size;
  std::uint64_t machine_next;
  std::uint64_t machine_curg;
  std::uint64_t machine_left;
  std::uint64_t machine_tid;

  std::uint64_t goroutine_size;
  std::uint64_t goroutine_id;
  std::uint64_t goroutine_creator;
  std::uint64_t goroutine_status;
  std::uint64_t goroutine_reason;
  std::uint64_t goroutine_sp;
  std::uint64_t goroutine_stack;
  std::uint64_t goroutine_call;
  std::uint64_t goroutine_closure;  // begins with the function, if it was started with a pointer to one
  std::uint64_t goroutine_where;    // points to what the next three are offsets in
  std::uint64_t place_file;
  std::uint64_t place_function;
  std::uint64_t place_line;
  std::uint64_t goroutine_extras;
  std::uint64_t extras_name;         // where the address of its first character stands
  std::uint64_t extras_name_length;  // where its length stands
  std::uint64_t stack_bottom;
  std::uint64_t stack_top;
};

}  // namespace goro::detail

// Of no namespace: gdb, stopped within one, would look for it by a name that no linker knows.
extern "C" {
// NOLINTNEXTLINE(readability-identifier-naming): the name by which the script finds it
extern const goro::detail::gdb_layout goro_gdb_layout;
}

namespace goro::detail {

// Keeps the table in a program that is linked statically, also with --gc-sections.
inline void keep_gdb_layout() noexcept { asm volatile("" : : "r"(&goro_gdb_layout)); }

}  // namespace goro::detail
