// How long requests took, in buckets that are at most 1/64 wide: any number of them in 30 KB.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace load {

class latencies {
 public:
  void add(std::chrono::nanoseconds d) {
    const std::uint64_t ns = d.count() > 0 ? static_cast<std::uint64_t>(d.count()) : 0;
    ++buckets_[bucket_of(ns)];
    ++count_;
    max_ = std::max(max_, ns);
  }

  void add(const latencies& other) {
    for (std::size_t i = 0; i != k_buckets; ++i) buckets_[i] += other.buckets_[i];
    count_ += other.count_;
    max_ = std::max(max_, other.max_);
  }

  std::uint64_t count() const noexcept { return count_; }
  std::chrono::nanoseconds max() const noexcept { return std::chrono::nanoseconds(max_); }

  // Of so many of a hundred none took longer.
  std::chrono::nanoseconds percentile(double p) const {
    const auto wanted = static_cast<std::uint64_t>(static_cast<double>(count_) * p / 100);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i != k_buckets; ++i) {
      seen += buckets_[i];
      if (seen > wanted) return std::chrono::nanoseconds(std::min(end_of(i), max_));
    }
    return max();
  }

 private:
  static constexpr unsigned k_bits = 6;  // the leading bit of a number and so many more choose its bucket
  static constexpr std::size_t k_each = std::size_t{1} << k_bits;
  static constexpr std::size_t k_buckets = (64 - k_bits + 1) * k_each;

  static std::size_t bucket_of(std::uint64_t n) {
    if (n < k_each) return n;
    const auto shift = static_cast<unsigned>(std::bit_width(n)) - 1 - k_bits;
    return (shift + 1) * k_each + (n >> shift) - k_each;
  }
  static std::uint64_t end_of(std::size_t bucket) {
    if (bucket < k_each) return bucket;
    const std::size_t shift = bucket / k_each - 1;
    const std::uint64_t first = (bucket % k_each + k_each) << shift;
    return first + ((std::uint64_t{1} << shift) - 1);
  }

  std::array<std::uint64_t, k_buckets> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace load
