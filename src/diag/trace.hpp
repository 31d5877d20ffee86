// The trace points of the scheduler, and the recording that they feed.
//
// A turn of a goroutine costs one look at a byte that is looked at anyway: a bit of possession::signs_ says
// that the machine's turns are recorded, and then pick_next() goes another way (pick_attentively). A parked
// goroutine whose park was recorded has a mark on its state, so whoever makes it ready takes the rare path of
// transition() and comes by here. Spawning, and what is rare anyway, has a branch of its own.
//
// Who records what into which ring (trace_ring.hpp):
//
//   the ring of a P       who holds the P: its machine, inside of the runtime; or sysmon, under the
//                         scheduler's lock, after it has taken the P away and before anybody else gets it.
//                         What passes the P on passes the ring on.
//   the ring without a P  plain threads, sysmon, machines without a P; one at a time, under a lock
//
// Each event is recorded before what it tells of can be seen: "ready" before the goroutine stands in a queue,
// "handed off" before another machine has the P. So what follows from an event has a later time, and whoever
// sees the latter's event in its ring can see the former's. The writer (trace_writer.cpp) builds on that.
//
// Beginning and end. `recording` is set, and with it the bit of each machine, under the scheduler's lock;
// machines that are made later take it over under the same lock. A machine sees its bit at its next turn, and
// may record an event or two after it was cleared. Nobody waits for it: rings are never freed, and the next
// recording leaves out what is older than itself. What precedes stop_trace() has been recorded before.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "arch/ticks.hpp"
#include "diag/trace_ring.hpp"

namespace goro::detail {

struct machine;
struct goroutine;
struct processor;
struct absence;

enum class trace_kind : std::uint8_t {
  none,          // no event: memory that was given back
  turn,          // `who` gives the turn to `other`; 0: to, or from, the scheduler; detail: why (turn_end)
  ready,         // `who` may run again
  spawn,         // `who` is new, and may run; other: its source_location
  name,          // eight letters, in `other`, of the name of `who`; detail: which; before its spawn
  handed_off,    // `who` has lost the P; other: its thread; detail: absence_reason
  returned,      // `who` has a P again; other: its thread
  queued_again,  // `who` wanted a P, but there was none; other: its thread
  preempted,     // the slice of who runs is over
  steal,         // who: how many; other: the P
  poll,          // who: how many descriptors were ready
  gap,           // other: events were dropped before this one
};

// How a turn ended: a wait_reason, or
inline constexpr std::uint8_t k_turn_yielded = 0xfe;
inline constexpr std::uint8_t k_turn_ended = 0xff;

// Instead of a time: after the event before it in its ring, and before the next one.
inline constexpr std::uint64_t k_no_time = 0;

// Three words. Plain, so that a ring's memory is not touched before it is used.
struct trace_event {
  std::uint64_t ticks;
  std::uint64_t head;  // who << 16 | kind << 8 | detail
  std::uint64_t other;

  std::uint64_t who() const noexcept { return head >> 16; }
  trace_kind kind() const noexcept { return static_cast<trace_kind>(head >> 8 & 0xff); }
  std::uint8_t detail() const noexcept { return static_cast<std::uint8_t>(head & 0xff); }
};

// A P that does nothing but hand over the turn fills it in some milliseconds.
inline constexpr std::size_t k_trace_capacity = std::size_t{1} << 14;
using event_ring = trace_ring<trace_event, k_trace_capacity>;

// Is there a recording? For what has no machine, or is rare; written under the scheduler's lock.
extern std::atomic<bool> g_recording;
inline bool recording() noexcept { return g_recording.load(std::memory_order_relaxed); }

// Of turns and spawns, by the machine whose turns are recorded.
void trace_turn(machine* mp, goroutine* next) noexcept;   // the running goroutine gives it to `next`, or null
void trace_start(machine* mp, goroutine* next) noexcept;  // the scheduler gives it
void trace_spawn(machine* mp, goroutine* gp) noexcept;    // null, or without a goroutine: from outside

// Anywhere; they look for themselves whether there is a recording.
void trace_ready(goroutine* gp) noexcept;  // it had a mark
void trace_hand_off(processor* pp, machine* mp, const absence& why) noexcept;
void trace_return(machine* mp) noexcept;
void trace_queued_again(machine* mp, const goroutine* gp) noexcept;
void trace_preempted(machine* mp) noexcept;
void trace_steal(machine* mp, const processor* victim, std::size_t n) noexcept;
void trace_poll(machine* mp, std::size_t n) noexcept;

// For a P that is made while there is a recording. The scheduler's lock is held.
void provide_ring(processor* pp) noexcept;

// The clock of the events, and the one that tells its rate: the system's, also where a test has another time.
std::uint64_t trace_ticks() noexcept;
std::int64_t trace_ns() noexcept;

// The ring of those without a P; null before the first recording.
event_ring* ring_of_others() noexcept;

// Who runs at a moment: on which P, or, without one, on which thread.
struct trace_runner {
  std::uint64_t id;
  std::uint64_t where;
};
// When the recording began, by both clocks, and who ran then.
struct trace_beginning {
  std::uint64_t ticks = 0;
  std::int64_t ns = 0;
  std::vector<trace_runner> with_p, away;
};

// Makes the machines record, and stop. `now` is what is so at that moment. ENOMEM if there is no memory for
// the rings, else 0.
int begin_recording(trace_beginning& now);
void end_recording() noexcept;

// The process ends: if there is a recording, its file is finished.
void finish_trace_at_exit() noexcept;

}  // namespace goro::detail
