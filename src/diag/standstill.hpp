// Two looks between which nothing of the program has moved, so that what was read of its memory in between is
// of one moment, without stopping anybody.
//
// At both no other goroutine has a turn, and every thread of the program sleeps in the kernel, in a wait of
// the runtime's. That it has been so in between is seen at the second: a turn would have been counted, a
// timer would no longer be the next one, a thread would have left its core once more. The runtime's own
// threads may move: without a turn or a timer they carry no reference from here to there.
//
// [MO-8] A machine counts an outing, plainly, before it leaves the scheduler's own stack, and one when it has
// come back. The look is behind a heavy_fence: either it sees the outing begun, as an odd number, or the turn
// comes later, and the second look, behind one too, sees a number that has changed.
#pragma once

#include <cstdint>
#include <vector>

#include <goro/clock.hpp>

#include "os/own_memory.hpp"

namespace goro::detail {

struct standstill {
  std::vector<other_thread> programs;  // but for the caller
  std::uint64_t turns = 0;
  time_point next_timer;

  // Looks. False if something moves, or it cannot be known.
  bool take();
  bool lasts_until(const standstill& later) const noexcept {
    return programs == later.programs && turns == later.turns && next_timer == later.next_timer;
  }
};

}  // namespace goro::detail
