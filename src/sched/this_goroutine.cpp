// What a goroutine may say of itself, and its own variables.
#include <goro/go.hpp>

#include <cstdint>

#include "base/locals.hpp"
#include "os/thread.hpp"
#include "sched/finish.hpp"
#include "sched/scheduler.hpp"

namespace goro {

namespace this_goroutine {

goroutine_id id() noexcept {
  const detail::machine* mp = detail::current_machine();
  return mp && mp->curg ? mp->curg->id.load(std::memory_order_relaxed) : 0;
}

std::string_view name() noexcept {
  const detail::machine* mp = detail::current_machine();
  return mp && mp->curg && mp->curg->extras ? std::string_view(mp->curg->extras->name) : std::string_view();
}

std::size_t stack_remaining() noexcept {
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  const detail::machine* mp = detail::current_machine();
  const detail::stack_slot* s = mp && mp->curg ? mp->curg->stack() : nullptr;
  const std::uintptr_t bottom =
      s ? reinterpret_cast<std::uintptr_t>(s->bottom) : detail::thread_stack_bottom();
  return here > bottom ? here - bottom : 0;
}

}  // namespace this_goroutine

namespace detail {

void* local_object(const void* key, void* (*make)(), void (*destroy)(void*)) {
  const machine* mp = current_machine();
  goroutine_locals* locals = nullptr;
  if (mp) {
    goroutine* gp = mp->curg;
    if (!gp->locals) gp->locals = new goroutine_locals;
    locals = gp->locals;
  } else {
    locals = &thread_locals();
  }
  for (const auto& o : locals->objects) {
    if (o.key == key && o.destroy == destroy) return o.value;  // never one of another type
  }
  void* value = make();  // may park; the goroutine keeps its locals
  locals->objects.push_back({key, value, destroy});
  return value;
}

void destroy_locals(goroutine* gp) noexcept {
  delete gp->locals;
  gp->locals = nullptr;
}

}  // namespace detail
}  // namespace goro
