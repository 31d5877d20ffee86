// The memory that the modelled threads share: what C++ and the hardware let them see of each other's stores.
//
// Each thread has a store buffer. A store goes into it; the owner reads it back at once, the others see it
// when it is flushed, which may be at any later step and is a choice of the explorer. A read-modify-write
// acts on the memory.
//   tso    x86: stores are flushed in program order; a read-modify-write drains the thread's buffer first.
//   weak   nearer to what C++ promises and to aarch64: stores to different words may be flushed in any order,
//   except
//          that a release store waits for all before it; a read-modify-write that is no release drains
//          nothing.
// Not modelled: loads that are satisfied out of program order. Where a missing acquire would let that happen,
// the race detector below speaks up instead.
//
// The compiler is modelled too: it may hold a store back (move it down past later loads) until a compiler
// barrier forbids it. A store is *issued* once its thread has passed such a barrier (light_fence); a heavy
// fence of another thread, which is an interrupt on this one's core, flushes what is issued and nothing else.
//
// Races: every thread has a vector clock; a release store carries it to the acquire loads that read it (or a
// read-modify-write of it). Two accesses to a cell, one of them a write, that no clock orders are a race. The
// kernel's futex and membarrier order nothing in this sense, as in C++.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace goro::model {

inline constexpr int k_max_threads = 4;
inline constexpr int k_main = k_max_threads;  // who sets up and checks: before and after all threads

enum class ordering { tso, weak };

// What tells two stores apart when states are compared: who made them, or only what they wrote. See
// explorer.hpp.
enum class identity { store, value };

using vector_clock = std::array<std::uint32_t, k_max_threads>;

// Names a store: its thread and its number in that thread's program order; 0 for initial values.
using store_id = std::uint64_t;

inline std::uint64_t mix(std::uint64_t bits) noexcept {  // splitmix64
  bits += 0x9e3779b97f4a7c15;
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
  return bits ^ (bits >> 31);
}
inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
  return mix(mix(a) ^ (b + 0x632be59bd9b4e019));
}

class memory {
 public:
  using index = std::uint32_t;
  using bits = std::uint64_t;
  using operation = bits (*)(bits old, bits operand);

  struct value {
    bits data;
    store_id id;
  };

  void reset(ordering rules, identity ids) noexcept;

  index add_word(bits initial);
  index add_cell(bits initial);

  value load(int thread, index word, std::memory_order order);
  void store(int thread, index word, bits data, std::memory_order order);
  // Writes apply(old, operand) if `when` is null or equals the old value. Returns the old value.
  value read_modify_write(int thread, index word, const bits* when, operation apply, bits operand,
                          std::memory_order order);
  // Bypasses buffers and clocks: what setup, check and ghosts do.
  bits peek(index word) const { return words_[word].data; }
  void poke(index word, bits data);
  // What a load would read now.
  value visible(int thread, index word) const;

  void issue(int thread) noexcept;
  void drain(int thread);
  void fence_all(int thread, int threads);  // membarrier

  const vector_clock& clock(int thread) const { return clocks_[at(thread)]; }
  void set_clock(int thread, const vector_clock& to) { clocks_[at(thread)] = to; }

  // The buffer of a thread: how many entries, and whether the nth may be flushed now.
  std::size_t pending(int thread) const { return buffers_[at(thread)].size(); }
  bool may_flush(int thread, std::size_t entry) const;
  index flush(int thread, std::size_t entry);

  // False: a race.
  [[nodiscard]] bool read_cell(int thread, index cell);
  [[nodiscard]] bool write_cell(int thread, index cell, bits data);

  // Equal hashes: the same words and the same store buffers, however they came about.
  std::uint64_t hash() const noexcept;

 private:
  struct stored {
    bits data;
    store_id id;
    vector_clock message;  // what whoever acquires this value learns
  };
  struct buffered {
    index word;
    bits data;
    store_id id;
    vector_clock message;
    bool release;
    bool issued;
  };
  struct accesses {
    bits data;
    vector_clock writes{};  // of the last write of each thread, its clock; 0: none
    vector_clock reads{};
  };

  static std::size_t at(int thread) noexcept { return static_cast<std::size_t>(thread); }
  bool buffers(int thread, index word) const;
  void write(index w, const stored& next);
  store_id next_id(int thread, bits data) noexcept;
  vector_clock publish(int thread, bool release);
  void learn(int thread, const vector_clock& message) noexcept;
  bool ordered_after(int thread, const vector_clock& earlier) const noexcept;

  ordering rules_ = ordering::tso;
  identity ids_ = identity::store;
  std::vector<stored> words_;
  std::vector<accesses> cells_;
  std::array<std::vector<buffered>, k_max_threads> buffers_;
  std::array<vector_clock, k_max_threads> clocks_{};
  std::array<std::uint64_t, k_max_threads> stores_{};
  std::uint64_t hash_ = 0;
};

}  // namespace goro::model
