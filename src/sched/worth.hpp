// Is one more core worth it?
//
// Goroutines that hand small things to each other run faster on one core than on two that fight for the same
// cache lines: four senders and four receivers on a channel of 128 take 16 ns an element on one core and 210
// on two, where a line takes 240 ns to cross. Nor does that end by itself: when every turn takes ten times as
// long, everything that is queued waits so long that it looks like work for a second core.
//
// The scheduler cannot see cache lines, but it counts turns, and for the same work their number is the same
// on one core and on two (61,561 against 65,321 in that example). So the last P that joined is judged by what
// it brings:
//
//   alone     turns of all Ps in a millisecond while an idle machine watches
//   together  the same while that machine has joined them
//
// If together is not enough more than alone, its core costs more than it gives: the next time work must wait
// longer before somebody takes it (longest_patience()), twice as long after each such verdict; the first
// verdict to the contrary ends that. Both are added up until there are turns enough to tell, because a stint
// may be a few turns long. So far this is about who runs out of work now and then. A P that does not steps
// aside after a while: it gives its queue back and watches, when it knows that to be better, or, once in
// k_probe_period for all Ps, to find out.
//
// Only work of short turns is judged: where a turn lasts longer than k_short_turn, what crosses between cores
// is nothing beside it. And who waits beside a P that stands still (its goroutine computes) is helped at once
// (watch.cpp), whatever was found here; whom an unlock has woken there is judged by lock_trial.hpp.
#pragma once

#include <atomic>
#include <cstdint>

namespace goro::detail {

struct processor;

inline constexpr std::int64_t k_least_patience = 20'000;  // ns

// The present stint of a P, from its first work until it has none. Its machine's own.
struct stint {
  std::int64_t begun = 0;      // of the present measurement; 0: it is not on
  std::uint64_t activity = 0;  // turns of all Ps until then
  std::int64_t look_at = 0;    // when to judge
};

// How long something in a queue that moves may wait before an idle machine takes it, in ns.
std::int64_t longest_patience() noexcept;

// Turns of all Ps since the start of the process.
std::uint64_t activity() noexcept;

// The watcher's: the others have done so many turns in that time, without it.
void note_alone(std::uint64_t turns, std::int64_t ns) noexcept;

// Called before work is taken from a P that moves on: false if the last ones who did so were of no use; then
// the patience has grown.
bool worth_joining() noexcept;

void begin_stint(processor* pp) noexcept;
void end_stint(processor* pp) noexcept;

// Called now and then between two turns: true if the P is to give back what it has and to watch.
bool should_step_aside(processor* pp) noexcept;

}  // namespace goro::detail
