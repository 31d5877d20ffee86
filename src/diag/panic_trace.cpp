// A panic is to be reported with the stack on which it was thrown, after the destructors have run that the
// stack holds: they are C++'s deferred calls. By then the frames are gone, so they must be looked at before.
//
// C++ unwinds in two phases. The first one only looks for a handler, and every frame is still there; it asks
// the type of each catch clause that it comes to, by a virtual function of its type_info, whether the
// exception matches. The outermost function of a goroutine has a clause for a type whose type_info is defined
// here: asked, it notes the stack and says no. The clause costs who throws nothing more than a comparison,
// who does not throw nothing at all, and exceptions that are handled further inside never come to it.
//
// That virtual function, __do_catch, is libstdc++'s; the rest is the C++ ABI. Rejected: to have
// std::terminate called, before which nothing is unwound: destructors would not run (LIFE-07); a __cxa_throw
// of our own: every exception of the program would pay, and a program may bring another one itself.
#include "diag/panic_trace.hpp"

#include <atomic>
#include <typeinfo>
#include <utility>

#include <goro/detail/race.hpp>

#include "sched/scheduler.hpp"

namespace goro::detail {

namespace {

constinit std::atomic<int> g_on_their_way{0};

bool is_on_its_way(const goroutine* gp) noexcept { return gp && gp->extras && gp->extras->panic_type; }

void note_panic(const panic_on_its_way& panic) noexcept {
  const machine* mp = current_machine();
  goroutine* gp = mp ? mp->curg.get() : nullptr;
  if (!gp || gp->exiting) return;
  const race_hidden hidden;
  try {
    goroutine_extras& extras = extras_of(gp);
    if (!std::exchange(extras.panic_type, panic.type)) g_on_their_way.fetch_add(1, std::memory_order_relaxed);
    extras.panic_object = panic.object;
    extras.thrown_at.assign(1, stack_trace());
    trace_caller(extras.thrown_at.front());
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): the report goes without
  }
}

}  // namespace

int panics_on_their_way() noexcept {
  const machine* mp = current_machine();
  return g_on_their_way.load(std::memory_order_acquire) -  // pairs with panic_has_arrived()
         (mp && is_on_its_way(mp->curg) ? 1 : 0);
}

void panic_has_arrived(goroutine& g) noexcept {
  if (is_on_its_way(&g)) g_on_their_way.fetch_sub(1, std::memory_order_release);
  if (g.extras) g.extras->panic_type = nullptr;
}

panic_on_its_way panic_of(const goroutine& g) noexcept {
  if (!g.extras) return {};
  return {.type = g.extras->panic_type, .object = g.extras->panic_object};
}

class probe_type final : public std::type_info {
 public:
  probe_type() noexcept : type_info("N4goro6detail11panic_probeE") {}

  bool __do_catch(const std::type_info* thrown, void** object, unsigned /*outer*/) const override {
    note_panic({.type = thrown, .object = *object});
    return false;
  }
};

// The name by which the tables of a catch clause for panic_probe refer to its type. Before the constructors
// of the program, which may start goroutines.
[[gnu::visibility("hidden")]] extern const probe_type k_panic_probe asm("_ZTIN4goro6detail11panic_probeE");
[[gnu::init_priority(101)]] const probe_type k_panic_probe;

}  // namespace goro::detail
