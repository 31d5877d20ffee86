// The atomics of the lock-free parts, as a template parameter: this policy is the real thing; the model
// checker in tests/model brings another, which explores every interleaving of the same source, store buffers
// included.
//
// A policy has: atomic<T>; cell<T> (plain data that a protocol protects: the model reports two at once);
// light_fence(), heavy_fence() and asymmetric(), see goro/detail/fence.hpp; light_fence_where_asymmetric(),
// for who has looked whether fences are asymmetric; and backoff, called with a growing count by whoever waits
// for another thread to leave a critical section of a few instructions.
#pragma once

#include <atomic>

#include <goro/detail/fence.hpp>

namespace goro::detail {

struct real_atomics {
  template <class T>
  using atomic = std::atomic<T>;
  template <class T>
  using cell = T;

  static bool asymmetric() noexcept { return asymmetric_fences; }
  static void light_fence() noexcept { detail::light_fence(); }
  static void light_fence_where_asymmetric() noexcept { std::atomic_signal_fence(std::memory_order_seq_cst); }
  static void heavy_fence() noexcept { detail::heavy_fence(); }

  static void backoff(unsigned& spins) noexcept;  // (base/backoff.cpp)
};

}  // namespace goro::detail
