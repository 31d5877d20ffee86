// The asymmetric fence: a store-then-load barrier that costs its frequent side nothing.
//
// Dekker's pattern needs a StoreLoad barrier on both sides: "store A; barrier; load B" against "store B;
// barrier; load A"; then at least one side sees the other's store. Where one side runs a million times as
// often as the other, the frequent side uses light_fence(), a barrier to the compiler only, and the rare side
// heavy_fence(), which asks the kernel to run a full barrier on every core that runs a thread of this process
// (membarrier: 0.5 us if no other core runs one, up to 45 us on a virtual machine if one does; a full fence
// on the light side would cost 5 ns each time).
//
// Why it is right: at the instant when membarrier runs on the light side's core, its earlier stores are
// visible to the heavy side afterwards, and its later loads see the heavy side's earlier stores. Program
// order on that core (which the compiler barrier protects) puts "store A; load B" before, after or around
// that instant; in each case one side sees the other. tests/model explores this with store buffers.
//
// Where the kernel has no membarrier, both sides are full fences. The choice is made once, before main.
#pragma once

#include <atomic>

namespace goro::detail {

// True when light_fence() may be a compiler barrier. Written once by a constructor of the library.
extern bool asymmetric_fences;

inline void light_fence() noexcept {
  if (asymmetric_fences) [[likely]] {
    std::atomic_signal_fence(std::memory_order_seq_cst);
  } else {
    __sync_synchronize();
  }
}

void heavy_fence() noexcept;

// Tells the core that this is a spin loop.
inline void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  asm volatile("yield" ::: "memory");
#endif
}

}  // namespace goro::detail
