// Who does something: a goroutine or a plain thread, as one word that an atomic can hold.
#pragma once

#include <cstdint>

namespace goro::detail {

class party {
 public:
  constexpr party() noexcept = default;  // nobody
  // The caller. Also for signal handlers.
  static party present() noexcept;

  bool is_nobody() const noexcept { return bits_ == 0; }
  bool is_thread() const noexcept { return (bits_ & 1) != 0; }
  // The goroutine's, or the kernel's of the thread.
  std::uint64_t number() const noexcept { return bits_ >> 1; }
  bool operator==(const party&) const noexcept = default;

 private:
  explicit constexpr party(std::uint64_t bits) noexcept : bits_(bits) {}
  std::uint64_t bits_ = 0;
};

}  // namespace goro::detail
