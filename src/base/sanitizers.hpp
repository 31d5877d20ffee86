// What the sanitizers must be told about stacks that they did not see being made. Empty functions in other
// builds.
#pragma once

#include <cstddef>

#include <goro/detail/race.hpp>

#if defined(__SANITIZE_ADDRESS__)
#  define GORO_ASAN 1
#elif defined(__has_feature)
#  if __has_feature(address_sanitizer)
#    define GORO_ASAN 1
#  endif
#endif

#if defined(GORO_ASAN)
#  include <sanitizer/asan_interface.h>
#  include <sanitizer/common_interface_defs.h>
#  include <sanitizer/lsan_interface.h>
#endif
#if defined(GORO_TSAN)
#  include <sanitizer/tsan_interface.h>

#  include "os/memory.hpp"
#endif

namespace goro::detail {

#if defined(GORO_ASAN) || defined(GORO_TSAN)
inline constexpr bool k_sanitized = true;
#else
inline constexpr bool k_sanitized = false;
#endif

// How many threads a tool has that the program did not start: ThreadSanitizer's own.
#if defined(GORO_TSAN)
inline constexpr int k_sanitizer_threads = 1;
#else
inline constexpr int k_sanitizer_threads = 0;
#endif

// Memory that was not had from malloc, and may hold the only pointer to what was: LeakSanitizer looks there,
// too, until it is told that the memory is gone.
inline void sanitizer_root([[maybe_unused]] const void* first, [[maybe_unused]] std::size_t bytes) noexcept {
#if defined(GORO_ASAN)
  __lsan_register_root_region(first, bytes);
#endif
}
inline void sanitizer_root_gone([[maybe_unused]] const void* first,
                                [[maybe_unused]] std::size_t bytes) noexcept {
#if defined(GORO_ASAN)
  __lsan_unregister_root_region(first, bytes);
#endif
}

// What the tools know of one stack: its bounds (ASan) and its fibre (TSan).
struct sanitizer_stack {
#if defined(GORO_ASAN)
  const void* bottom = nullptr;
  std::size_t size = 0;
  void* fake_stack = nullptr;
#endif
#if defined(GORO_TSAN)
  void* fiber = nullptr;
  bool begun = false;
#endif
};

// Functions that change the fibre are part of their callers: one that is entered in the name of one fibre and
// left in that of another would leave an entry too many in TSan's own stack of calls.

// From the first to the second what happens is done in the name of the thread whose own stack is given, for
// TSan: what is made, a thread or a fibre, inherits the past of its maker, and whoever happens to make it for
// the runtime has nothing to do with it. Null: in the caller's own name.
[[gnu::always_inline]] inline void* sanitizer_take_name(
    [[maybe_unused]] const sanitizer_stack* thread) noexcept {
#if defined(GORO_TSAN)
  if (!thread || !race_checks_program()) return nullptr;
  void* const self = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(thread->fiber, __tsan_switch_to_fiber_no_sync);
  return self;
#else
  return nullptr;
#endif
}
[[gnu::always_inline]] inline void sanitizer_give_name_back([[maybe_unused]] void* self) noexcept {
#if defined(GORO_TSAN)
  if (self) __tsan_switch_to_fiber(self, __tsan_switch_to_fiber_no_sync);
#endif
}

// A goroutine begins on [bottom, bottom + size), on the thread whose own stack is given.
inline void sanitizer_begin([[maybe_unused]] sanitizer_stack& s, [[maybe_unused]] void* bottom,
                            [[maybe_unused]] std::size_t size,
                            [[maybe_unused]] const sanitizer_stack& thread) noexcept {
#if defined(GORO_ASAN)
  s.bottom = bottom;
  s.size = size;
  s.fake_stack = nullptr;
  __asan_unpoison_memory_region(bottom, size);
#endif
#if defined(GORO_TSAN)
  s.begun = false;
  // Forgets who has used that memory. If that fails some races may be reported that are none.
  if (race_checks_program()) static_cast<void>(map_anew(static_cast<std::byte*>(bottom), size));
  void* const self = sanitizer_take_name(&thread);
  s.fiber = __tsan_create_fiber(0);
  sanitizer_give_name_back(self);
#endif
}

// It has ended; called on another stack.
inline void sanitizer_end([[maybe_unused]] sanitizer_stack& s) noexcept {
#if defined(GORO_TSAN)
  if (s.fiber) __tsan_destroy_fiber(s.fiber);
  s.fiber = nullptr;
#endif
}

// The frames of the present stack are about to be left without returning, by an unwinder that ASan does not
// know.
inline void sanitizer_no_return() noexcept {
#if defined(GORO_ASAN)
  __asan_handle_no_return();
#endif
}

// The present thread's own stack.
inline void sanitizer_adopt_thread([[maybe_unused]] sanitizer_stack& s) noexcept {
#if defined(GORO_TSAN)
  s.fiber = __tsan_get_current_fiber();
  s.begun = true;
#endif
}

// Just before the switch. `from` is null when the stack that is left will never be used again. Where TSan
// checks the runtime the switch orders what the left one did before what the next one does; where it checks
// the program it does not.
[[gnu::always_inline]] inline void sanitizer_leave([[maybe_unused]] sanitizer_stack* from,
                                                   [[maybe_unused]] sanitizer_stack* to) noexcept {
#if defined(GORO_ASAN)
  __sanitizer_start_switch_fiber(from ? &from->fake_stack : nullptr, to->bottom, to->size);
#endif
#if defined(GORO_TSAN)
  if (!race_checks_program()) return __tsan_switch_to_fiber(to->fiber, 0);
  const bool begins = !to->begun;
  to->begun = true;
  void* const next = to->fiber;
  if (!from) race_show();
  __tsan_switch_to_fiber(next, __tsan_switch_to_fiber_no_sync);
  if (begins) race_hide();
#endif
}

// Just after the switch, on the new stack. `left` receives the bounds of the stack that was left.
inline void sanitizer_arrive([[maybe_unused]] sanitizer_stack& here,
                             [[maybe_unused]] sanitizer_stack* left) noexcept {
#if defined(GORO_ASAN)
  const void* bottom = nullptr;
  std::size_t size = 0;
  __sanitizer_finish_switch_fiber(here.fake_stack, &bottom, &size);
  if (left) {
    left->bottom = bottom;
    left->size = size;
  }
#endif
}

}  // namespace goro::detail
