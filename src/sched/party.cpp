#include "sched/party.hpp"

#include <unistd.h>

#include "sched/scheduler.hpp"

namespace goro::detail {

party party::present() noexcept {
  const machine* mp = current_machine();
  if (const goroutine* self = mp ? mp->curg.get() : nullptr)
    return party(self->id.load(std::memory_order_relaxed) << 1);
  return party(static_cast<std::uint64_t>(::gettid()) << 1 | 1);
}

}  // namespace goro::detail
