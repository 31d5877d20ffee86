// For arrays that may become large and then go away: mapped, so that what is freed goes back to the kernel at
// once. The C library keeps freed blocks of up to 32 MB once it has seen one go.
#pragma once

#include <cstddef>
#include <new>

#include "base/sanitizers.hpp"
#include "os/memory.hpp"

namespace goro::detail {

template <class T>
struct mapped_allocator {
  using value_type = T;
  static constexpr std::size_t k_large = std::size_t{64} << 10;  // smaller ones come from the C library

  mapped_allocator() = default;
  template <class U>
  explicit(false) mapped_allocator(const mapped_allocator<U>&) noexcept {}

  T* allocate(std::size_t n) {
    const std::size_t bytes = n * sizeof(T);
    if (bytes < k_large) return static_cast<T*>(::operator new(bytes));
    std::byte* memory = map_memory(bytes);
    if (!memory) throw std::bad_alloc();
    sanitizer_root(memory, bytes);
    return reinterpret_cast<T*>(memory);
  }
  void deallocate(T* p, std::size_t n) noexcept {
    const std::size_t bytes = n * sizeof(T);
    if (bytes < k_large) return ::operator delete(p);
    sanitizer_root_gone(p, bytes);
    unmap_memory(reinterpret_cast<std::byte*>(p), bytes);
  }
  bool operator==(const mapped_allocator&) const = default;
};

}  // namespace goro::detail
