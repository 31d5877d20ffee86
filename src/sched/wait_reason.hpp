// Why a goroutine is parked, as shown in dumps and traces: one for each place that blocks, in Go's words.
#pragma once

#include <cstdint>

namespace goro::detail {

enum class wait_reason : std::uint8_t {
  none,
  chan_receive,
  chan_send,
  chan_receive_nil,
  chan_send_nil,
  select,
  select_no_cases,
  sleep,
  mutex_lock,
  rwmutex_rlock,
  rwmutex_lock,
  cond_wait,
  semacquire,  // a wait_group, or a future
  io_wait,
  // The same words, but there is a deadline.
  chan_receive_nil_until,
  chan_send_nil_until,
  select_no_cases_until,
};

constexpr const char* to_string(wait_reason reason) noexcept {
  switch (reason) {
    case wait_reason::none:
      return "waiting";
    case wait_reason::chan_receive:
      return "chan receive";
    case wait_reason::chan_send:
      return "chan send";
    case wait_reason::chan_receive_nil:
    case wait_reason::chan_receive_nil_until:
      return "chan receive (nil chan)";
    case wait_reason::chan_send_nil:
    case wait_reason::chan_send_nil_until:
      return "chan send (nil chan)";
    case wait_reason::select:
      return "select";
    case wait_reason::select_no_cases:
    case wait_reason::select_no_cases_until:
      return "select (no cases)";
    case wait_reason::sleep:
      return "sleep";
    case wait_reason::mutex_lock:
      return "sync.Mutex.Lock";
    case wait_reason::rwmutex_rlock:
      return "sync.RWMutex.RLock";
    case wait_reason::rwmutex_lock:
      return "sync.RWMutex.Lock";
    case wait_reason::cond_wait:
      return "sync.Cond.Wait";
    case wait_reason::semacquire:
      return "semacquire";
    case wait_reason::io_wait:
      return "IO wait";
  }
  return "?";
}

}  // namespace goro::detail
