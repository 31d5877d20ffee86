// The keeper: the thread that gives memory back.
#pragma once

namespace goro::detail {

// Before the first machine. False if there is no thread to be had: then nothing is given back.
bool start_keeper() noexcept;

// A P is taken into use: there may be something to do soon. The scheduler's lock is held.
void rouse_keeper() noexcept;

// It looks for a request at once. For signal handlers.
void hurry_keeper() noexcept;

}  // namespace goro::detail
