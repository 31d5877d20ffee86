#include <cstdint>
#include <new>

#include "arch/switch.hpp"

extern "C" void goro_arch_start();

namespace goro::detail {

namespace {

// What goro_arch_switch pops; the offsets are those of switch.S.
struct frame {
  std::uint32_t mxcsr;
  std::uint16_t x87_control;
  std::uint16_t unused;
  std::uint64_t r15, r14, r13, r12;
  start_function rbx;
  std::uint64_t rbp;
  void (*return_address)();
};
static_assert(offsetof(frame, x87_control) == 4 && offsetof(frame, r15) == 8 && offsetof(frame, rbx) == 40 &&
              offsetof(frame, rbp) == 48 && offsetof(frame, return_address) == 56 && sizeof(frame) == 64);

}  // namespace

void* arch_prepare(std::byte* stack_top, start_function start) noexcept {
  // After the frame is popped the stack pointer is aligned to 16, as before a call instruction.
  auto* f = ::new (static_cast<void*>(stack_top - sizeof(frame))) frame;
  f->mxcsr = 0x1f80;  // all exceptions masked, round to nearest: never 0, which would trap
  f->x87_control = 0x037f;
  f->rbx = start;
  f->rbp = 0;  // ends the chain of frame pointers; the other registers may hold anything
  f->return_address = goro_arch_start;
  return f;
}

}  // namespace goro::detail
