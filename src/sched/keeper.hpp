// The keeper: the thread that gives memory back.
#pragma once

namespace goro::detail {

// Before the first machine.
void start_keeper() noexcept;

// A P is taken into use: there may be something to do soon. The scheduler's lock is held.
void rouse_keeper() noexcept;

}  // namespace goro::detail
