// G: one goroutine.
//
// The descriptor exists from go() until the function has ended; the stack only from the first turn on.
// Descriptors never move, and their address space is never given back, so a dump may look at any of them at
// any time: it reads atomics and what does not change while the goroutine lives. All zeros are a dead one.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <source_location>
#include <string>
#include <typeinfo>
#include <vector>

#include <goro/detail/lock.hpp>
#include <goro/detail/spawn.hpp>

#include "diag/backtrace.hpp"
#include "sched/claim.hpp"
#include "sched/labels.hpp"
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

// os_thread_lock adds this to each state of its goroutine: whoever expects a usual one takes a rare path, and
// the others pay nothing for it. (A flag of its own would cost a round trip over channels 2 %.)
inline constexpr unsigned k_locked = 0x80;
constexpr g_status locked(g_status s) noexcept {
  return static_cast<g_status>(static_cast<unsigned>(s) | k_locked);
}
// The same way for one that waits and whose park was recorded (diag/trace.hpp): whoever makes it ready is to
// be, too.
inline constexpr unsigned k_marked = 0x40;
constexpr g_status marked(g_status s) noexcept {
  return static_cast<g_status>(static_cast<unsigned>(s) | k_marked);
}
constexpr g_status unmarked(g_status s) noexcept {
  return static_cast<g_status>(static_cast<unsigned>(s) & ~k_marked);
}
constexpr g_status usual(g_status s) noexcept {
  return static_cast<g_status>(static_cast<unsigned>(s) & ~(k_locked | k_marked));
}
constexpr bool is_locked(g_status s) noexcept { return (static_cast<unsigned>(s) & k_locked) != 0; }

// A C++ ABI structure that every compiler for Linux agrees on; see sched/turn.hpp. What fills its second word
// up is named here so that it is copied as two words.
struct eh_globals {
  void* caught_exceptions = nullptr;
  unsigned int uncaught_exceptions = 0;
  unsigned int unused = 0;
};

// What those who look after parked goroutines have done with one since its last turn; see stack/parked.hpp.
enum class parked_state : std::uint8_t {
  untouched,
  seen,     // a pass has found it parked, at `noticed`
  bare,     // and, a later one, no memory next to where it stands
  claimed,  // it is one of those that come next; it may run and does not wait
  held,     // its stack is being trimmed or read: who wants to run must wait
  trimmed,
};

struct goroutine_locals;
struct machine;

// What few goroutines have.
struct goroutine_extras {
  std::string name;
  shared_labels labels;
  std::size_t stack_bytes = 0;         // asked for by go_options
  std::exception_ptr handled_at_exit;  // while exit unwinds: what is handled in the frame that it has reached
  machine* home = nullptr;             // to which it is locked
  int thread_locks = 0;                // how often
  // While destructors run because of an exception that nobody handles: what that is.
  const std::type_info* panic_type = nullptr;
  void* panic_object = nullptr;
  // Of the exception that leaves it, or none (diag/panic_trace.hpp). No unique_ptr: gdb_layout needs a
  // standard layout.
  std::vector<stack_trace> thrown_at;
};

// Aligned so that a switch touches one line of it.
struct alignas(64) goroutine {
  // What a switch touches.
  std::atomic<void*> sp{nullptr};  // saved while it is off its stack, null while somebody may stand on it
  goroutine* sched_link = nullptr;
  std::atomic<stack_slot*> bound_stack{nullptr};  // null until the first turn; atomic for reports
  eh_globals eh;
  int saved_errno = 0;
  std::atomic<g_status> status{g_status::dead};
  std::atomic<wait_reason> reason{wait_reason::none};
  claim_word claim;  // of its wait, if that can end in several ways
  std::atomic<parked_state> parked{parked_state::untouched};
  closure_call call = nullptr;
  void* closure = nullptr;  // the callable: inline_closure, or elsewhere if it is too large

  // What only reports touch.
  std::atomic<goroutine_id> id{0};
  std::atomic<goroutine_id> creator{0};
  std::atomic<std::source_location> where{std::source_location()};
  goroutine_locals* locals = nullptr;
  goroutine_extras* extras = nullptr;     // for all but its goroutine: guarded by extras_lock()
  std::atomic<std::uint32_t> noticed{0};  // in seconds; of use unless `parked` is untouched
  // In the global queue: put there by who has no P. A guess: some ways into that queue leave it as it was.
  bool from_outside = false;
  bool exiting = false;  // this_goroutine::exit is unwinding it

  static constexpr std::size_t k_inline_closure = 80;
  alignas(16) std::byte inline_closure[k_inline_closure];

  stack_slot* stack() const noexcept { return bound_stack.load(std::memory_order_relaxed); }
  void bind(stack_slot* s) noexcept { bound_stack.store(s, std::memory_order_release); }  // see info_of()
  void** place_of_sp() noexcept { return reinterpret_cast<void**>(&sp); }                 // for the assembly
  std::size_t wanted_stack() const noexcept { return extras ? extras->stack_bytes : 0; }  // 0: as all
  bool fresh() const noexcept { return stack() == nullptr; }
  bool is_locked() const noexcept {  // to the machine of its extras
    return detail::is_locked(status.load(std::memory_order_relaxed));
  }
};

// The only place where a status changes: a transition that is not from `from` is a bug of the runtime, or
// that of a locked goroutine, or of a marked one.
void rare_transition(goroutine* gp, g_status from, g_status to) noexcept;

inline void transition(goroutine* gp, g_status from, g_status to) noexcept {
  if (gp->status.load(std::memory_order_relaxed) != from) [[unlikely]]
    return rare_transition(gp, from, to);
  gp->status.store(to, std::memory_order_release);  // pairs with snapshot(): who sees a state sees the id
}

static_assert(sizeof(void*) != 8 || sizeof(goroutine) == 192);

// Guards the extras of all goroutines against a dump that reads them while they end.
lock& extras_lock() noexcept;
// Those of gp, which has not begun or is the caller; makes them if there are none. Throws std::bad_alloc.
goroutine_extras& extras_of(goroutine* gp);

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
  bool flush() noexcept;  // false if there was none

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

// After it the making of every descriptor is seen to which the caller has found a pointer before, by whatever
// way: who made it held the depot's lock, and let it go before there was a pointer; had the caller held it
// before that, it could not have read the pointer.
void see_descriptors() noexcept;

// Calls visit(g) for every descriptor that has its memory, dead ones included.
void for_each_descriptor(void (*visit)(goroutine& g, void* arg), void* arg);
template <class Visit>
void for_each_descriptor(Visit visit) {
  for_each_descriptor([](goroutine& g, void* f) { (*static_cast<Visit*>(f))(g); }, &visit);
}

// The same for a debugger, which looks from outside (diag/gdb_layout.hpp): the regions form a list; each
// begins with what is known of its slabs, and the descriptors follow.
struct descriptor_map {
  const void* regions;  // where the address of the first one stands
  std::uint64_t region_next;
  std::uint64_t region_used;
  std::uint64_t region_slabs;
  std::uint64_t region_descriptors;
  std::uint64_t slab_size;  // of what is known of it
  std::uint64_t slab_raw;   // is it without memory? one byte
  std::uint64_t slab_descriptors;
};
extern const descriptor_map k_descriptor_map;

// Gives back the memory of those that were free and not needed since the last call; how many slabs. By one
// thread at a time.
std::size_t give_back_descriptors() noexcept;

}  // namespace goro::detail
