// A variable of one thread that others look at now and then: they see some value that it has had, and nothing
// is ordered by it.
#pragma once

#include <atomic>

namespace goro::detail {

template <class T>
class relaxed {
 public:
  constexpr relaxed() noexcept = default;
  constexpr explicit(false) relaxed(T value) noexcept : value_(value) {}
  relaxed(const relaxed&) = delete;
  relaxed& operator=(const relaxed&) = delete;

  relaxed& operator=(T value) noexcept {
    value_.store(value, std::memory_order_relaxed);
    return *this;
  }
  T get() const noexcept { return value_.load(std::memory_order_relaxed); }
  operator T() const noexcept { return get(); }  // NOLINT(google-explicit-constructor): it stands for a T
  T operator->() const noexcept { return get(); }

 private:
  std::atomic<T> value_{};
};

}  // namespace goro::detail
