#include "diag/trace.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <new>
#include <source_location>

#include "os/memory.hpp"
#include "sched/scheduler.hpp"

namespace goro::detail {

constinit std::atomic<bool> g_recording{false};

namespace {

constinit lock g_others_lock;  // whoever has it is the producer of the ring without a P
constinit std::atomic<event_ring*> g_others{nullptr};

// Asked when a recording begins: goroutines may run before the constructors of the program.
constinit std::atomic<bool> g_steady{false};

event_ring* make_ring() noexcept {
  std::byte* memory = map_memory(sizeof(event_ring));
  return memory ? ::new (memory) event_ring : nullptr;
}

std::uint64_t head_of(trace_kind kind, std::uint64_t who, std::uint8_t detail) noexcept {
  return who << 16 | static_cast<std::uint64_t>(kind) << 8 | detail;
}

template <class Clock>
void push(event_ring* ring, std::uint64_t head, std::uint64_t other, Clock time) noexcept {
  if (!ring) return;
  ring->push([&] { return trace_event{.ticks = time(), .head = head, .other = other}; },
             [](std::uint64_t n) {
               return trace_event{.ticks = k_no_time, .head = head_of(trace_kind::gap, 0, 0), .other = n};
             });
}

// Into the ring of a P that the caller holds.
void record(processor* pp, trace_kind kind, std::uint64_t who, std::uint64_t other = 0,
            std::uint8_t detail = 0) noexcept {
  event_ring* const ring = pp->trace.load(std::memory_order_acquire);  // pairs with provide_ring()
  push(ring, head_of(kind, who, detail), other, trace_ticks);
}

// Into that of the machine's P, if it has one, or else that of all others.
void record_somewhere(machine* mp, trace_kind kind, std::uint64_t who, std::uint64_t other = 0,
                      std::uint8_t detail = 0) noexcept {
  if (mp && mp->pp) return record(mp->pp, kind, who, other, detail);
  const lock_guard guard(g_others_lock);
  push(ring_of_others(), head_of(kind, who, detail), other, trace_ticks);
}

std::uint64_t id_of(const goroutine* gp) noexcept { return gp->id.load(std::memory_order_relaxed); }

std::uint64_t thread_of(const machine* mp) noexcept {
  return static_cast<std::uint64_t>(mp->thread.number.load(std::memory_order_relaxed));
}

std::uint8_t end_of_turn(const goroutine* gp, g_status status) noexcept {
  if (usual(status) == g_status::waiting)
    return static_cast<std::uint8_t>(gp->reason.load(std::memory_order_relaxed));
  return usual(status) == g_status::dead ? k_turn_ended : k_turn_yielded;
}

// In pieces, because an event holds a word.
void trace_name(machine* mp, const goroutine* gp) noexcept {
  constexpr std::size_t k_most = 256;
  const std::string& name = gp->extras->name;  // it has not begun: nobody changes it
  for (std::size_t i = 0; i < std::min(name.size(), k_most); i += sizeof(std::uint64_t)) {
    std::uint64_t letters = 0;
    std::memcpy(&letters, name.data() + i, std::min(sizeof letters, name.size() - i));
    record_somewhere(mp, trace_kind::name, id_of(gp), letters, static_cast<std::uint8_t>(i / sizeof letters));
  }
}

}  // namespace

std::int64_t trace_ns() noexcept { return clock::now().time_since_epoch().count(); }

std::uint64_t trace_ticks() noexcept {
  return g_steady.load(std::memory_order_relaxed) ? read_ticks() : static_cast<std::uint64_t>(trace_ns());
}

event_ring* ring_of_others() noexcept {
  return g_others.load(std::memory_order_acquire);  // pairs with provide_rings()
}

void trace_turn(machine* mp, goroutine* next) noexcept {
  goroutine* const self = mp->curg;
  const g_status status = self->status.load(std::memory_order_relaxed);
  // Nobody can have made it ready yet: it holds the lock of the queue where it waits, or is published later.
  if (usual(status) == g_status::waiting)
    self->status.store(marked(status), std::memory_order_release);  // pairs with snapshot()
  // One that is locked to a thread begins there.
  const bool begins = next && next->status.load(std::memory_order_relaxed) == g_status::runnable;
  record(mp->pp, trace_kind::turn, id_of(self), begins ? id_of(next) : 0, end_of_turn(self, status));
}

void trace_start(machine* mp, goroutine* next) noexcept { record(mp->pp, trace_kind::turn, 0, id_of(next)); }

void trace_spawn(machine* mp, goroutine* gp) noexcept {
  if (gp->extras) trace_name(mp, gp);
  const auto where = gp->where.load(std::memory_order_relaxed);
  static_assert(sizeof where == sizeof(std::uint64_t), "a pointer to what the compiler has laid down");
  record_somewhere(mp, trace_kind::spawn, id_of(gp), std::bit_cast<std::uint64_t>(where));
}

// To read the clock costs as much as all the rest (20 ns on a virtual machine), and who makes somebody ready
// mostly parks soon: that event's time will do.
void trace_ready(goroutine* gp) noexcept {
  if (!recording()) return;
  machine* const mp = current_machine();
  if (!mp || !mp->pp || !mp->curg) return record_somewhere(mp, trace_kind::ready, id_of(gp));
  push(mp->pp->trace.load(std::memory_order_acquire),  // pairs with provide_ring()
       head_of(trace_kind::ready, id_of(gp), 0), 0, [] { return k_no_time; });
}

void trace_hand_off(processor* pp, machine* mp, const absence& why) noexcept {
  if (!recording() || !why.who) return;
  record(pp, trace_kind::handed_off, id_of(why.who), thread_of(mp), static_cast<std::uint8_t>(why.reason));
}

void trace_return(machine* mp) noexcept {
  if (recording()) record(mp->pp, trace_kind::returned, id_of(mp->curg), thread_of(mp));
}

void trace_queued_again(machine* mp, const goroutine* gp) noexcept {
  if (recording()) record_somewhere(nullptr, trace_kind::queued_again, id_of(gp), thread_of(mp));
}

void trace_preempted(machine* mp) noexcept {
  if (recording()) record(mp->pp, trace_kind::preempted, id_of(mp->curg));
}

void trace_steal(machine* mp, const processor* victim, std::size_t n) noexcept {
  if (recording()) record(mp->pp, trace_kind::steal, n, static_cast<std::uint64_t>(victim->id));
}

void trace_poll(machine* mp, std::size_t n) noexcept {
  if (recording() && n != 0) record_somewhere(mp, trace_kind::poll, n);
}

void provide_ring(processor* pp) noexcept {
  if (!pp->trace.load(std::memory_order_relaxed))
    pp->trace.store(make_ring(), std::memory_order_release);  // pairs with record()
}

namespace {

// The scheduler's lock is held.
void set_recording(bool on) noexcept {
  g_recording.store(on, std::memory_order_relaxed);
  machine* mp = sched.machines.load(std::memory_order_acquire);  // pairs with made_machine()
  for (; mp; mp = mp->next_machine) mp->hold.set_traced(on);
}

// The scheduler's lock is held.
bool provide_rings() noexcept {
  if (!g_others.load(std::memory_order_relaxed))
    g_others.store(make_ring(), std::memory_order_release);  // pairs with ring_of_others()
  bool all = g_others.load(std::memory_order_relaxed) != nullptr;
  const int made = sched.made.load(std::memory_order_acquire);  // pairs with make_processor()
  for (int i = 0; i != made; ++i) {
    processor* pp = sched.all[i].load(std::memory_order_relaxed);
    provide_ring(pp);
    all &= pp->trace.load(std::memory_order_relaxed) != nullptr;
  }
  return all;
}

using runner = std::pair<const goroutine*, std::uint64_t>;

// The scheduler's lock is held: what there is room for. Others run meanwhile, and may have begun just now.
void note_runners(trace_beginning& now, std::vector<runner>& away, std::vector<runner>& with_p) noexcept {
  const auto add = [](std::vector<runner>& to, const goroutine* gp, std::uint64_t where) {
    if (gp && to.size() != to.capacity()) to.emplace_back(gp, where);
  };
  for (const machine* mp = first_machine(); mp; mp = mp->next_machine) add(away, mp->away.who, thread_of(mp));
  const int made = sched.made.load(std::memory_order_acquire);  // pairs with make_processor()
  for (int i = 0; i != made; ++i) {
    const machine* owner =
        sched.all[i].load(std::memory_order_relaxed)->owner.load(std::memory_order_relaxed);
    add(with_p, owner ? owner->curg.get() : nullptr, static_cast<std::uint64_t>(i));
  }
  see_descriptors();
  for (const auto& [gp, thread] : away) now.away.push_back({id_of(gp), thread});
  for (const auto& [gp, p] : with_p) now.with_p.push_back({id_of(gp), p});
}

}  // namespace

int begin_recording(trace_beginning& now) {
  constexpr std::size_t k_most_away = 1024;
  std::vector<runner> away;
  std::vector<runner> with_p;
  now.away.reserve(k_most_away);
  now.with_p.reserve(k_max_procs);
  away.reserve(now.away.capacity());
  with_p.reserve(now.with_p.capacity());
  const lock_guard guard(sched.guard);
  g_steady.store(ticks_are_steady(), std::memory_order_relaxed);  // who finds a new ring sees it
  if (!provide_rings()) return ENOMEM;
  now.ticks = trace_ticks();
  now.ns = trace_ns();
  note_runners(now, away, with_p);
  set_recording(true);
  return 0;
}

void end_recording() noexcept {
  const lock_guard guard(sched.guard);
  set_recording(false);
}

}  // namespace goro::detail
