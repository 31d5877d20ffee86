// Who holds which mutex, and who waits for which: GORO_DEBUG=deadlocks=1. The essay is in lock_graph.cpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "sched/party.hpp"

namespace goro {
class mutex;
}

namespace goro::detail {

// Before any other thread uses a mutex of the runtime's, if it is to be done at all.
void watch_locks() noexcept;

// `who` waits for `wanted`, which the next one in the cycle has taken at `taken_at`.
struct lock_link {
  party who;
  const mutex* wanted = nullptr;
  std::uintptr_t taken_at = 0;
};

struct lock_cycle {
  static constexpr std::size_t k_longest = 64;  // a longer one is not found
  std::array<lock_link, k_longest> links;
  std::size_t size = 0;
  bool is_new = false;  // it has not been told of
};

// The mutex is the caller's, which has taken it in the code that `where` lies in. Memory may be missing: then
// it is nobody's.
void note_locked(const mutex* m, std::uintptr_t where) noexcept;
// It is about to be unlocked, by whomsoever.
void note_unlocked(const mutex* m) noexcept;

// The caller is about to wait for m without a deadline, until this is destroyed. Tells of the cycle that is
// closed by it, once.
class [[nodiscard]] lock_wait {
 public:
  explicit lock_wait(const mutex* m) noexcept;
  ~lock_wait();
  lock_wait(const lock_wait&) = delete;
  lock_wait& operator=(const lock_wait&) = delete;

 private:
  friend class lock_graph;
  party who_;
  const mutex* wanted_;
  lock_wait* next_ = nullptr;
  lock_wait* prev_ = nullptr;
};

// Those that there are now. Throws std::bad_alloc.
std::vector<lock_cycle> lock_cycles();

}  // namespace goro::detail
