// Events on their way from who records them to who writes them down: a ring with one producer and one reader,
// of whom neither ever waits for the other.
//
//   producer  1. tail_ says that there is room (acquire: the reader has done with the slot);
//             2. the event into the slot;  3. head_ + 1 (release)
//   reader    1. head_ (acquire: the events before it are whole);  2. takes them out;  3. tail_ (release)
//
// The release of head_ carries the events, that of tail_ gives the slots back. The producer keeps the
// tail that it saw last and looks again only when that says "full", so the two do not fight for a cache line.
//
// When the ring is full events are dropped, and counted, until it is half empty: a few long gaps can be
// understood, a hole in every second slice cannot. The first event after a gap is a mark of it.
//
// Who the producer is may change, as the holder of a P does: whatever passes that on passes this on, too. A
// ring is never freed. Between two recordings the reader gives its memory back under whatever late producer
// there may be: that one then writes to a page of zeros, and a zero is no event. Tests: model.trace_ring_*.
#pragma once

#include <cstddef>
#include <cstdint>

#include <goro/detail/atomics.hpp>

namespace goro::detail {

template <class Event, std::size_t Capacity, class Atomics = real_atomics>
class trace_ring {
  static_assert(Capacity >= 4, "half of it has room for a mark and an event");
  using index = typename Atomics::template atomic<std::uint64_t>;

 public:
  // Producer. make() is the event, asked for only if there is room; make_mark(n) one that says that n were
  // dropped.
  template <class Make, class Mark>
  void push(Make make, Mark make_mark) noexcept {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    if (gap_ != 0 || head - seen_tail_ == Capacity) [[unlikely]] {
      seen_tail_ = tail_.load(std::memory_order_acquire);  // pairs with drain()
      const std::uint64_t most = gap_ != 0 ? Capacity / 2 : Capacity - 1;
      if (head - seen_tail_ > most) return drop();
      if (gap_ != 0) return resume(head, make_mark(gap_), make());
    }
    slots_[head % Capacity] = make();
    head_.store(head + 1, std::memory_order_release);  // pairs with drain()
  }

  // Reader: calls take(event) for each that is there; how many.
  template <class Take>
  std::size_t drain(Take take) noexcept(noexcept(take(Event{}))) {
    const std::uint64_t head = head_.load(std::memory_order_acquire);  // pairs with push()
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    for (std::uint64_t i = tail; i != head; ++i) take(static_cast<Event>(slots_[i % Capacity]));
    tail_.store(head, std::memory_order_release);  // pairs with push()
    return static_cast<std::size_t>(head - tail);
  }

  // Anybody: how many were dropped since the ring was made.
  std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

  // Where the events lie, for giving their memory back.
  void* memory() noexcept { return slots_; }
  static constexpr std::size_t k_bytes = Capacity * sizeof(Event);

 private:
  void drop() noexcept {
    ++gap_;
    dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  // At least half of it is free.
  void resume(std::uint64_t head, const Event& mark, const Event& e) noexcept {
    gap_ = 0;
    slots_[head % Capacity] = mark;
    slots_[(head + 1) % Capacity] = e;
    head_.store(head + 2, std::memory_order_release);  // pairs with drain()
  }

  // The producer's line, and the reader's.
  alignas(64) index head_{0};
  std::uint64_t seen_tail_ = 0;
  std::uint64_t gap_ = 0;  // dropped since it was full
  index dropped_{0};
  alignas(64) index tail_{0};
  alignas(64) typename Atomics::template cell<Event> slots_[Capacity];
};

}  // namespace goro::detail
