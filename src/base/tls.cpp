#include "base/tls.hpp"

#include "base/locals.hpp"

namespace goro::detail {

namespace {
[[gnu::tls_model("initial-exec")]] constinit thread_local machine* t_machine = nullptr;
}

machine* current_machine() noexcept {
  asm volatile("");
  return t_machine;
}

void set_current_machine(machine* mp) noexcept { t_machine = mp; }

goroutine_locals& thread_locals() {
  thread_local goroutine_locals objects;
  return objects;
}

}  // namespace goro::detail
