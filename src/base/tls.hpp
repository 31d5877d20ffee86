// The machine of a thread; the rules are in goro/detail/tls.hpp.
#pragma once

#include <goro/detail/tls.hpp>

namespace goro::detail {

struct machine;

extern "C" {
[[gnu::tls_model("initial-exec"),
  gnu::visibility("hidden")]] extern constinit thread_local machine* goro_current_machine;
}

// The machine of the calling thread; null on a thread that is not the runtime's.
#if defined(GORO_READ_THREAD_LOCAL)
[[gnu::always_inline]] inline machine* current_machine() noexcept {
  machine* mp;
  GORO_READ_THREAD_LOCAL(goro_current_machine, mp);
  return mp;
}
#else
[[gnu::noinline]] machine* current_machine() noexcept;
#endif

void set_current_machine(machine* mp) noexcept;

}  // namespace goro::detail
