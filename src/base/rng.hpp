// The dice: a small generator (xorshift64*) for choices that must not follow a pattern. One per P, all
// derived from one seed, which a test may set (GORO_DEBUG=shuffle=SEED).
#pragma once

#include <atomic>
#include <cstdint>

namespace goro::detail {

class rng {
 public:
  void seed(std::uint64_t s) noexcept { state_ = s * 0x9e3779b97f4a7c15U + 1; }

  std::uint32_t next() noexcept {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return static_cast<std::uint32_t>((state_ * 0x2545f4914f6cdd1dU) >> 32);
  }

  // Uniform in [0, n) up to a bias of n / 2^32.
  std::uint32_t below(std::uint32_t n) noexcept {
    return static_cast<std::uint32_t>((static_cast<std::uint64_t>(next()) * n) >> 32);
  }

 private:
  std::uint64_t state_ = 1;
};

// The same for those who have no P: uniform in [0, n), by one common counter (splitmix64).
inline std::uint32_t shared_dice_below(std::uint32_t n) noexcept {
  static constinit std::atomic<std::uint64_t> counter{0};
  std::uint64_t x = counter.fetch_add(0x9e3779b97f4a7c15U, std::memory_order_relaxed);
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  x ^= x >> 31;
  return static_cast<std::uint32_t>(((x >> 32) * n) >> 32);
}

}  // namespace goro::detail
