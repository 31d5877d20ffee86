// Walking over stacks, with the compiler's unwind tables.
//
// The caller's own stack is walked as exceptions walk it; the outermost frame of a goroutine carries a mark
// that ends the walk. A parked goroutine's is walked from here, on the stack of whoever wants to know: by way
// of goro_arch_walk_from, whose frame the tables describe as that of the switch which the goroutine has
// called. Nothing is written to the parked stack, so it may be full to the last byte, its pages below the
// stack pointer stay away, and no sanitizer sees a stack that it does not expect. (Rejected: to switch to the
// parked stack and walk there. It takes room, commits two pages of each of ten thousand stacks, and signal
// handlers would have to be kept off.)
//
// Neither allocates nor takes a lock of the runtime: others may have to wait until the walk is over, and a
// signal handler may be the one who walks. The unwinder finds its tables without a lock from glibc 2.35 on.
#include "diag/backtrace.hpp"

#include <unwind.h>

#include "arch/switch.hpp"

namespace goro::detail {

namespace {

struct walk {
  stack_trace& trace;
  std::uintptr_t bottom = 0;  // others are the walker's own
  std::uintptr_t top = ~std::uintptr_t{0};
};

_Unwind_Reason_Code visit(_Unwind_Context* frame, void* arg) {
  walk& w = *static_cast<walk*>(arg);
  const std::uintptr_t cfa = _Unwind_GetCFA(frame);
  if (cfa <= w.bottom || cfa > w.top) return _URC_NO_REASON;
  int before = 0;  // is it the address of an instruction that a signal has interrupted?
  const std::uintptr_t pc = _Unwind_GetIPInfo(frame, &before);
  if (pc == 0) return _URC_END_OF_STACK;
  return w.trace.add(before != 0 ? pc : pc - 1) ? _URC_NO_REASON : _URC_END_OF_STACK;
}

}  // namespace

void trace_caller(stack_trace& trace) noexcept {
  walk w{.trace = trace};
  _Unwind_Backtrace(visit, &w);
}

void trace_between(stack_trace& trace, std::uintptr_t bottom, std::uintptr_t top) noexcept {
  walk w{.trace = trace, .bottom = bottom, .top = top};
  _Unwind_Backtrace(visit, &w);
}

void trace_saved(stack_trace& trace, void* sp, const void* top) noexcept {
  walk w{.trace = trace,
         .bottom = reinterpret_cast<std::uintptr_t>(sp),
         .top = reinterpret_cast<std::uintptr_t>(top)};
  goro_arch_walk_from(sp, [](void* arg) { _Unwind_Backtrace(visit, arg); }, &w);
}

}  // namespace goro::detail
