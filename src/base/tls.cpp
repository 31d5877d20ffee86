#include "base/tls.hpp"

#include <goro/detail/lock_bias.hpp>

#include "base/locals.hpp"
#include "sched/machine.hpp"

namespace goro::detail {

namespace {
[[gnu::tls_model("initial-exec")]] constinit thread_local machine* t_machine = nullptr;
[[gnu::tls_model("initial-exec")]] constinit thread_local lock_places* t_places = nullptr;  // of t_machine
}  // namespace

machine* current_machine() noexcept {
  asm volatile("");
  return t_machine;
}

lock_places* current_lock_places() noexcept {
  asm volatile("");
  return t_places;
}

void set_current_machine(machine* mp) noexcept {
  t_machine = mp;
  t_places = mp ? &mp->places : nullptr;
}

goroutine_locals& thread_locals() {
  thread_local goroutine_locals objects;
  return objects;
}

}  // namespace goro::detail
