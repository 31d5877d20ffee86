// The second policy of the lock-free parts (the first is goro/detail/atomics.hpp): the same source, explored.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "model/explorer.hpp"

namespace goro::model {

template <class T>
engine::bits to_bits(T value) noexcept {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(engine::bits));
  engine::bits bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  return bits;
}

template <class T>
T from_bits(engine::bits bits) noexcept {
  T value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// The part of std::atomic's interface that goro uses; every order is written out, as the style demands.
template <class T>
class model_atomic {
 public:
  model_atomic(T initial = T{}) noexcept : word_(engine::add_word(to_bits(initial))) {}
  model_atomic(const model_atomic&) = delete;
  model_atomic& operator=(const model_atomic&) = delete;

  T load(std::memory_order order) const noexcept { return from_bits<T>(engine::load(word_, order)); }
  void store(T value, std::memory_order order) noexcept { engine::store(word_, to_bits(value), order); }
  T exchange(T value, std::memory_order order) noexcept {
    return modify([](engine::bits, engine::bits x) { return x; }, value, order);
  }
  T fetch_add(T value, std::memory_order order) noexcept {
    return modify([](engine::bits a, engine::bits x) { return apply(a, x, [](T l, T r) { return l + r; }); },
                  value, order);
  }
  T fetch_sub(T value, std::memory_order order) noexcept {
    return modify([](engine::bits a, engine::bits x) { return apply(a, x, [](T l, T r) { return l - r; }); },
                  value, order);
  }
  T fetch_or(T value, std::memory_order order) noexcept {
    return modify([](engine::bits a, engine::bits x) { return a | x; }, value, order);
  }
  T fetch_and(T value, std::memory_order order) noexcept {
    return modify([](engine::bits a, engine::bits x) { return a & x; }, value, order);
  }
  bool compare_exchange_strong(T& expected, T desired, std::memory_order success,
                               std::memory_order) noexcept {
    engine::bits wanted = to_bits(expected);
    const bool done = engine::compare_exchange(word_, wanted, to_bits(desired), success);
    if (!done) expected = from_bits<T>(wanted);
    return done;
  }

  engine::memory_index word() const noexcept { return word_; }

 private:
  T modify(memory::operation operation, T value, std::memory_order order) noexcept {
    return from_bits<T>(engine::read_modify_write(word_, operation, to_bits(value), order));
  }
  template <class F>
  static engine::bits apply(engine::bits a, engine::bits b, F f) noexcept {
    return to_bits(static_cast<T>(f(from_bits<T>(a), from_bits<T>(b))));
  }

  engine::memory_index word_;
};

// Plain data that a protocol protects. Two accesses that nothing orders, one of them a write, are a
// violation.
template <class T>
class model_cell {
 public:
  model_cell(T initial = T{}) noexcept : index_(engine::add_cell(to_bits(initial))), value_(initial) {}
  model_cell(const model_cell& other) noexcept : model_cell(static_cast<T>(other)) {}

  model_cell& operator=(T value) noexcept {
    engine::write_cell(index_, to_bits(value));
    value_ = value;
    return *this;
  }
  model_cell& operator=(const model_cell& other) noexcept { return *this = static_cast<T>(other); }
  operator T() const noexcept {
    engine::read_cell(index_);
    return value_;
  }

 private:
  engine::memory_index index_;
  T value_;
};

// A variable of the test, not of the protocol: reading and writing it is no step, orders nothing and races
// with nothing. For assertions that look across threads.
template <class T>
class ghost {
 public:
  ghost(T initial = T{}) noexcept : word_(engine::add_word(to_bits(initial))) {}
  ghost(const ghost&) = delete;
  ghost& operator=(const ghost&) = delete;

  ghost& operator=(T value) noexcept {
    engine::write_ghost(word_, to_bits(value));
    return *this;
  }
  operator T() const noexcept { return from_bits<T>(engine::read_ghost(word_)); }

 private:
  engine::memory_index word_;
};

struct model_atomics {
  template <class T>
  using atomic = model_atomic<T>;
  template <class T>
  using cell = model_cell<T>;

  static bool asymmetric() noexcept { return true; }
  static void light_fence() noexcept { engine::compiler_barrier(); }
  static void light_fence_where_asymmetric() noexcept { engine::compiler_barrier(); }
  static void heavy_fence() noexcept { engine::membarrier(); }
  static void backoff(unsigned&) noexcept { engine::await_change(); }
};

// Where the kernel has no membarrier: both sides are full fences.
struct symmetric_fences : model_atomics {
  static bool asymmetric() noexcept { return false; }
  static void light_fence() noexcept { engine::full_fence(); }
  static void heavy_fence() noexcept { engine::full_fence(); }
};

// Mutants: with each of them the tests of a protocol that needs the missing part must find a violation.
struct no_light_fence : model_atomics {
  static void light_fence() noexcept {}
  static void light_fence_where_asymmetric() noexcept {}
};
struct no_heavy_fence : model_atomics {
  static void heavy_fence() noexcept {}
};
// A fence of the rare side alone: what a full fence would do that is not a membarrier.
struct one_sided_fence : model_atomics {
  static void heavy_fence() noexcept { engine::full_fence(); }
};

// Every order taken for relaxed.
template <class T>
class relaxed_atomic : public model_atomic<T> {
 public:
  using model_atomic<T>::model_atomic;
  T load(std::memory_order) const noexcept { return model_atomic<T>::load(std::memory_order_relaxed); }
  void store(T value, std::memory_order) noexcept {
    model_atomic<T>::store(value, std::memory_order_relaxed);
  }
  T exchange(T value, std::memory_order) noexcept {
    return model_atomic<T>::exchange(value, std::memory_order_relaxed);
  }
  T fetch_or(T value, std::memory_order) noexcept {
    return model_atomic<T>::fetch_or(value, std::memory_order_relaxed);
  }
  T fetch_and(T value, std::memory_order) noexcept {
    return model_atomic<T>::fetch_and(value, std::memory_order_relaxed);
  }
  bool compare_exchange_strong(T& expected, T desired, std::memory_order, std::memory_order) noexcept {
    return model_atomic<T>::compare_exchange_strong(expected, desired, std::memory_order_relaxed,
                                                    std::memory_order_relaxed);
  }
};
struct relaxed_orders : model_atomics {
  template <class T>
  using atomic = relaxed_atomic<T>;
};

// For protocols whose own lock is under test elsewhere: a word that is loaded with relaxed order is taken for
// data that the lock guards (as the indices of a queue are), checked for races like a cell and no step. That
// leaves far fewer interleavings, and loses none: where nothing races, what is guarded commutes.
template <class T>
class guarded_atomic : public model_atomic<T> {
 public:
  guarded_atomic(T initial = T{}) noexcept : model_atomic<T>(initial), data_(initial) {}
  T load(std::memory_order order) const noexcept {
    if (order != std::memory_order_relaxed) return model_atomic<T>::load(order);
    guarded_ = true;
    return data_;
  }
  void store(T value, std::memory_order order) noexcept {
    if (!guarded_) return model_atomic<T>::store(value, order);
    data_ = value;
  }

 private:
  model_cell<T> data_;
  mutable bool guarded_ = false;  // every use of guarded data begins with a load
};
template <class Base>
struct guarded_data : Base {
  template <class T>
  using atomic = guarded_atomic<T>;
};

// The kernel's wait on a word; see engine::futex_wait. Both calls are full fences, as their locked bucket
// makes them.
inline void futex_wait(const model_atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
  engine::futex_wait(word.word(), to_bits(expected), false);
}
// True if the deadline came first: it may come at any time.
[[nodiscard]] inline bool futex_wait_timed(const model_atomic<std::uint32_t>& word,
                                           std::uint32_t expected) noexcept {
  return engine::futex_wait(word.word(), to_bits(expected), true);
}
inline void futex_wake(const model_atomic<std::uint32_t>& word, int most) noexcept {
  engine::futex_wake(word.word(), most);
}

// A lock as a specification, not as code: acquiring is one step, possible while it is free. For protocols
// that use one; what implements it is explored in lock_test.cpp.
class model_lock {
 public:
  void acquire() noexcept {
    engine::await_equal(word_.word(), 0);
    word_.exchange(1, std::memory_order_acquire);  // pairs with release()
  }
  void release() noexcept { word_.exchange(0, std::memory_order_release); }  // pairs with acquire()

 private:
  model_atomic<std::uint32_t> word_{0};
};

class [[nodiscard]] model_guard {
 public:
  explicit model_guard(model_lock& l) noexcept : lock_(l) { lock_.acquire(); }
  ~model_guard() { lock_.release(); }
  model_guard(const model_guard&) = delete;
  model_guard& operator=(const model_guard&) = delete;

 private:
  model_lock& lock_;
};

// src/os/futex.hpp: a flag that one thread sleeps on until another sets it.
class model_note {
 public:
  void clear() noexcept { word_.store(0, std::memory_order_relaxed); }
  bool is_set() const noexcept { return word_.load(std::memory_order_acquire) != 0; }  // pairs with set()
  void set() noexcept {
    word_.store(1, std::memory_order_release);  // pairs with is_set()
    futex_wake(word_, 1);
  }
  void sleep() noexcept {
    while (!is_set()) futex_wait(word_, 0);
  }
  // False if the deadline comes first.
  [[nodiscard]] bool sleep_timed() noexcept {
    while (!is_set()) {
      if (futex_wait_timed(word_, 0)) return is_set();
    }
    return true;
  }

 private:
  model_atomic<std::uint32_t> word_{0};
};

}  // namespace goro::model
