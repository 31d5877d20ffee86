#include <cstdint>
#include <cstring>

#include "arch/switch.hpp"

extern "C" void goro_arch_start();

namespace goro::detail {

namespace {

// What goro_arch_switch pops; the offsets are those of switch.S.
struct frame {
  std::uint32_t mxcsr = 0x1f80;  // all exceptions masked, round to nearest: never 0, which would trap
  std::uint16_t x87_control = 0x037f;
  std::uint16_t unused = 0;
  std::uint64_t r15 = 0, r14 = 0, r13 = 0, r12 = 0;
  start_function rbx = nullptr;
  std::uint64_t rbp = 0;
  void (*return_address)() = goro_arch_start;
};
static_assert(offsetof(frame, x87_control) == 4 && offsetof(frame, r15) == 8 && offsetof(frame, rbx) == 40 &&
              offsetof(frame, rbp) == 48 && offsetof(frame, return_address) == 56 && sizeof(frame) == 64);

}  // namespace

void* arch_prepare(std::byte* stack_top, start_function start) noexcept {
  // After the frame is popped the stack pointer is 16-byte aligned, as before a call instruction.
  frame f;
  f.rbx = start;
  std::byte* sp = stack_top - sizeof(frame);
  std::memcpy(sp, &f, sizeof f);
  return sp;
}

}  // namespace goro::detail
