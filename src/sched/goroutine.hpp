// G: one goroutine.
//
// The descriptor exists from go() until the function has ended; the stack only from the first turn on.
// Descriptors are never given back to the system and never move, so a dump may look at any of them at any
// time: it reads atomics and what does not change while the goroutine lives.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <source_location>
#include <string>

#include <goro/detail/lock.hpp>
#include <goro/detail/spawn.hpp>

#include "sched/wait_reason.hpp"
#include "stack/stack.hpp"

namespace goro::detail {

// Who may touch the stack in each state; the state acts as a lock on it (Go's rule). Besides, whoever is
// named here owns `sched_link`.
enum class g_status : std::uint8_t {
  dead,      // no goroutine: the descriptor is in a free list
  runnable,  // in exactly one run queue; nobody may touch the stack
  running,   // on the machine whose curg it is; that machine's thread owns the stack
  waiting,   // parked: published to those who may make it ready; other goroutines may write to what it points
             // them to
};

// A C++ ABI structure that every compiler for Linux agrees on; see sched/switch.cpp.
struct eh_globals {
  void* caught_exceptions = nullptr;
  unsigned int uncaught_exceptions = 0;
};

struct goroutine_locals;

// Aligned so that a switch touches one line of it.
struct alignas(64) goroutine {
  // What a switch touches.
  void* sp = nullptr;
  goroutine* sched_link = nullptr;
  stack_slot* stack = nullptr;  // null until the first turn
  eh_globals eh;
  int saved_errno = 0;
  std::atomic<g_status> status{g_status::dead};
  std::atomic<wait_reason> reason{wait_reason::none};
  bool exiting = false;  // this_goroutine::exit is unwinding it
  closure_call call = nullptr;

  // What only reports touch.
  std::atomic<goroutine_id> id{0};
  std::atomic<goroutine_id> creator{0};
  std::atomic<std::source_location> where{std::source_location()};
  std::string* name = nullptr;  // for all but its goroutine: guarded by names_lock()
  goroutine_locals* locals = nullptr;
  std::exception_ptr
      handled_at_exit;  // while exit unwinds: what is being handled in the frame that it has reached

  // The callable, or a pointer to it if it is too large.
  void* closure = nullptr;
  std::size_t closure_align = 0;
  static constexpr std::size_t k_inline_closure = 96;
  alignas(16) std::byte inline_closure[k_inline_closure];

  bool fresh() const noexcept { return stack == nullptr; }
};

// The only place where a status changes: a transition that is not from `from` is a bug of the runtime.
[[noreturn]] void bad_transition(const goroutine* gp, g_status from, g_status to) noexcept;

inline void transition(goroutine* gp, g_status from, g_status to) noexcept {
  if (gp->status.load(std::memory_order_relaxed) != from) [[unlikely]]
    bad_transition(gp, from, to);
  gp->status.store(to, std::memory_order_release);  // pairs with snapshot(): who sees a state sees the id
}

// Guards the names of all goroutines against a dump that reads them while they end. Few have one.
lock& names_lock() noexcept;

// A P's own free descriptors. Owner only.
class goroutine_cache {
 public:
  goroutine* get() {
    goroutine* gp = free_.pop_front();
    return gp ? gp : refill();
  }
  void put(goroutine* gp) noexcept {
    free_.push_front(gp);
    if (free_.size > k_most) spill();
  }
  void flush() noexcept;

 private:
  static constexpr std::size_t k_most = 512;
  static constexpr std::size_t k_batch = 256;

  goroutine* refill();
  void spill() noexcept;

  chain<goroutine> free_;
};

// Descriptors for those without a P.
goroutine* take_shared_descriptor();
void give_shared_descriptor(goroutine* gp) noexcept;

// Calls visit(const goroutine&) for every descriptor ever made, dead ones included.
void for_each_descriptor(void (*visit)(const goroutine& g, void* arg), void* arg) noexcept;

}  // namespace goro::detail
