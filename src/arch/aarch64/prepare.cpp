#include <cstdint>
#include <cstring>

#include "arch/switch.hpp"

extern "C" void goro_arch_start();

namespace goro::detail {

namespace {

// What goro_arch_switch loads; the offsets are those of switch.S.
struct frame {
  double d8_d15[8] = {};
  start_function x19 = nullptr;
  std::uint64_t x20_x28[9] = {};
  std::uint64_t x29 = 0;
  void (*x30)() = goro_arch_start;
  std::uint64_t fpcr = 0;
  std::uint64_t unused = 0;
};
static_assert(offsetof(frame, x19) == 64 && offsetof(frame, x29) == 144 && offsetof(frame, x30) == 152 &&
              offsetof(frame, fpcr) == 160 && sizeof(frame) == 176);

}  // namespace

void* arch_prepare(std::byte* stack_top, start_function start) noexcept {
  frame f;
  f.x19 = start;
  std::byte* sp = stack_top - sizeof(frame);
  std::memcpy(sp, &f, sizeof f);
  return sp;
}

}  // namespace goro::detail
