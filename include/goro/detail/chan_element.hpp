// What a channel does with elements of a known type, and the two paths that need nothing but the channel's
// lock: a send into a buffer with room and a receive from a buffer while nobody waits.
#pragma once

#include <cstddef>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include <goro/detail/chan_core.hpp>
#include <goro/detail/race.hpp>

namespace goro::detail {

template <class T>
const element_ops& ops_of() noexcept {
  static_assert(std::is_object_v<T> && !std::is_const_v<T>,
                "goro::chan<T>: T must be a non-const object type");
  static_assert(std::is_nothrow_move_constructible_v<T> && std::is_nothrow_destructible_v<T>,
                "goro::chan<T>: T needs a move constructor and a destructor that are noexcept, "
                "because elements move while the channel is locked");
  static constexpr element_ops ops{
      .size = sizeof(T),
      .align = alignof(T),
      .word = sizeof(T) == 8 && std::is_trivially_copyable_v<T>,
      .relocate =
          [](void* to, void* from) noexcept {
            T* source = static_cast<T*>(from);
            ::new (to) T(std::move(*source));
            source->~T();
          },
      .move = [](void* to, void* from) noexcept { ::new (to) T(std::move(*static_cast<T*>(from))); },
      .destroy = [](void* element) noexcept { static_cast<T*>(element)->~T(); },
  };
  return ops;
}

// Raw storage for one received element. take() moves it out and destroys what is left.
template <class T>
class slot {
 public:
  void* storage() noexcept { return bytes_; }
  T take() noexcept {
    T* element = std::launder(reinterpret_cast<T*>(bytes_));
    T out(std::move(*element));
    element->~T();
    return out;
  }

 private:
  alignas(T) std::byte bytes_[sizeof(T)];
};

template <class T, class N>
std::size_t checked_capacity(N n) {
  if (n < 0 || static_cast<unsigned long long>(n) >
                   static_cast<unsigned long long>(std::numeric_limits<std::ptrdiff_t>::max()) / sizeof(T)) {
    throw_size_out_of_range();
  }
  return static_cast<std::size_t>(n);
}

// Where races of the program are looked for, the slow path does it all: the lock would order too much.
//
// The first look is without the lock, which the slow path would only take again; it stands where the fast
// path is called, and needs no registers there. What it sees may be old: then the slow path, which handles
// every case, is taken for nothing, or the look under the lock says so.
inline bool may_buffer(const chan_core* c) noexcept {
  return c->count.load(std::memory_order_relaxed) != c->capacity &&
         !c->receivers.first.load(std::memory_order_relaxed);
}
inline bool may_take(const chan_core* c) noexcept {
  return c->count.load(std::memory_order_relaxed) != 0 && !c->senders.first.load(std::memory_order_relaxed);
}

// Buffers the element if there is room and nobody waits for it. Moves from v only if so.
template <class T>
inline bool send_fast(chan_core* c, T& v) noexcept {
  const lock_guard guard(c->guard, current_lock_places());
  if (!may_buffer(c) || c->closed.load(std::memory_order_relaxed)) return false;
  const std::size_t count = c->count.load(std::memory_order_relaxed);
  ::new (static_cast<void*>(c->slot(count, sizeof(T)))) T(std::move(v));
  c->count.store(count + 1, std::memory_order_relaxed);
  return true;
}

// Takes the oldest buffered element if no sender waits to refill the buffer.
template <class T>
inline bool recv_fast(chan_core* c, slot<T>& s) noexcept {
  const lock_guard guard(c->guard, current_lock_places());
  if (!may_take(c)) return false;
  const std::size_t count = c->count.load(std::memory_order_relaxed);
  T* element = std::launder(reinterpret_cast<T*>(c->slot(0, sizeof(T))));
  ::new (s.storage()) T(std::move(*element));
  element->~T();
  if (++c->head == c->capacity) c->head = 0;
  c->count.store(count - 1, std::memory_order_relaxed);
  return true;
}

template <class T>
[[gnu::always_inline]] inline void send_from(chan_core* c, T& v) {
  if (!race_checks_program() && c && may_buffer(c) && send_fast(c, v)) return;
  chan_send_blocking(c, std::addressof(v));
}

// False: closed and drained.
template <class T>
[[gnu::always_inline]] inline bool recv_into(chan_core* c, slot<T>& s) {
  return (!race_checks_program() && c && may_take(c) && recv_fast<T>(c, s)) ||
         chan_recv_blocking(c, s.storage());
}

}  // namespace goro::detail
