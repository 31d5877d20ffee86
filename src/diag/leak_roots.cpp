#include "diag/leak_roots.hpp"

#if defined(GORO_ASAN)

#  include <utility>

#  include "sched/goroutine.hpp"

namespace goro::detail {

namespace {

void show_stack(const goroutine& g) noexcept {
  void* const sp = g.sp.load(std::memory_order_relaxed);
  const stack_slot* const s = g.stack();
  if (!sp || !s || usual(g.status.load(std::memory_order_relaxed)) == g_status::dead) return;
  sanitizer_root(sp, static_cast<std::size_t>(s->top - static_cast<std::byte*>(sp)));
}

}  // namespace

void show_stacks_to_leak_sanitizer() noexcept {
  static bool shown = false;  // the exit handler is registered more than once
  if (std::exchange(shown, true)) return;
  for_each_descriptor([](const goroutine& g) { show_stack(g); });
}

}  // namespace goro::detail

#endif
