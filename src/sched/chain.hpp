// A singly linked list through the elements' own `sched_link`: how goroutines travel in batches.
#pragma once

#include <cstddef>

namespace goro::detail {

template <class T>
struct chain {
  T* first = nullptr;
  T* last = nullptr;
  std::size_t size = 0;

  void push_back(T* item) noexcept {
    item->sched_link = nullptr;
    (last ? last->sched_link : first) = item;
    last = item;
    ++size;
  }

  void push_front(T* item) noexcept {
    item->sched_link = first;
    first = item;
    if (!last) last = item;
    ++size;
  }

  T* pop_front() noexcept {
    T* item = first;
    if (item) {
      first = item->sched_link;
      if (!first) last = nullptr;
      --size;
    }
    return item;
  }

  void append(chain other) noexcept {
    if (!other.first) return;
    (last ? last->sched_link : first) = other.first;
    last = other.last;
    size += other.size;
  }
};

}  // namespace goro::detail
