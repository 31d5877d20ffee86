// The part of a channel that does not depend on its element type. See src/chan/chan_core.cpp for the
// invariants.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <goro/clock.hpp>
#include <goro/detail/lock.hpp>
#include <goro/detail/wait_queue.hpp>

namespace goro::detail {

// What the core must know of the element type. Both functions never throw.
struct element_ops {
  std::size_t size;
  std::size_t align;
  bool word;                                        // moved by copying eight bytes
  void (*relocate)(void* to, void* from) noexcept;  // move-constructs *to from *from, then destroys *from
  void (*move)(void* to, void* from) noexcept;      // move-constructs *to from *from
  void (*destroy)(void* element) noexcept;
};

// In the order of use. Not aligned to a cache line: an aligned allocation costs more than the line.
struct chan_core {
  lock guard;                          // guards all but refs
  std::atomic<std::uint32_t> refs{1};  // handles, and waits with a deadline
  wait_queue receivers;                // not both non-empty; receivers wait only while the buffer is empty,
  wait_queue senders;                  // senders only while it is full
  const element_ops* ops = nullptr;
  std::atomic<std::uint64_t> count{0};  // buffered elements; written under the lock
  std::size_t capacity = 0;
  std::size_t head = 0;  // index of the oldest buffered element
  std::byte* buffer = nullptr;
  std::atomic<bool> closed{false};  // written under the lock
  bool of_timer = false;  // is part of one; its buffer is not shown: size and capacity read 0, as in Go

  std::byte* slot(std::size_t index, std::size_t size) const noexcept {
    std::size_t at = head + index;
    if (at >= capacity) at -= capacity;
    return buffer + at * size;
  }
};

enum class chan_status { done, closed, would_block, timed_out };

// How long an operation may wait: not at all, for ever (deadline null), or until a deadline.
struct patience {
  bool wait = true;
  const time_point* deadline = nullptr;
};

chan_core* make_chan(std::size_t capacity, const element_ops& ops);
void destroy_chan(chan_core* c) noexcept;
void destroy_timer_of(chan_core& c) noexcept;

inline void retain(chan_core* c) noexcept {
  if (c) c->refs.fetch_add(1, std::memory_order_relaxed);
}
inline void release(chan_core* c) noexcept {
  if (!c) return;
  // Release: what this holder did happens before the destruction; acquire: by whoever destroys. The last one
  // needs no read-modify-write: only holders make holders.
  if (c->refs.load(std::memory_order_acquire) == 1 || c->refs.fetch_sub(1, std::memory_order_acq_rel) == 1)
    destroy_chan(c);
}

// Sends *element; on `done` it was moved from (but not destroyed), otherwise it is untouched. c may be null
// (nil).
chan_status chan_send(chan_core* c, void* element, patience p);
// Receives into raw storage; on `done` an element lives there.
chan_status chan_recv(chan_core* c, void* storage, patience p);
// The same for as long as it takes: what is mostly asked for, with all else left out. The send throws
// channel_closed; the receive is false on a channel that is closed and drained.
void chan_send_blocking(chan_core* c, void* element);
bool chan_recv_blocking(chan_core* c, void* storage);
void chan_close(chan_core* c);
// Destroys what is buffered, while nobody waits to send; whether there was anything.
bool chan_discard(chan_core* c) noexcept;

[[noreturn]] void throw_send_on_closed();
[[noreturn]] void throw_size_out_of_range();

}  // namespace goro::detail
