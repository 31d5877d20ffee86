// The thread that writes a recording down while it goes on.
//
// Again and again it takes what is there out of the rings, puts it in the order of its times, and has it
// turned into JSON (trace_json.hpp). An event is held back until it is older than k_delay: then whatever led
// to it has been recorded before, by whichever P, and stood in its ring when that was emptied. (An event may
// be recorded late, because its thread lost the core in the middle; what follows from it is later still.)
//
// The rate of the events' clock is measured once, over the time until the first events are written: a rate
// that is corrected later could let times fall.
//
// It ends when it is told to, or when the file has reached its limit; then it ends the recording by itself.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <goro/diag.hpp>

#include "diag/trace_json.hpp"
#include "os/futex.hpp"

namespace goro::detail {

class trace_writer {
 public:
  // Of an open file, which the thread closes.
  trace_writer(int fd, diag::trace_limits limits);

  // Begins to record and starts the thread. 0, or an error; then the file is
  // still open. Throws std::bad_alloc.
  int start();

  // Ends the recording, and the thread when all is written. 0, or an error of writing.
  int stop() noexcept;

 private:
  struct item {
    trace_event event;
    int p;
    bool timed;  // else its time is that of the event before it
  };

  static void* run(void* self) noexcept;
  void write_all();
  void look_at_start();
  void write_round();
  void collect();
  void take_from(event_ring* ring, int p);
  void write_items(std::uint64_t before);
  void sample(std::int64_t ns);
  bool is_full() noexcept;
  void finish();
  void flush(std::size_t when_longer) noexcept;
  std::int64_t ns_of(std::uint64_t ticks) const noexcept;
  std::uint64_t dropped() const noexcept;

  const int fd_;
  const diag::trace_limits limits_;
  int error_ = 0;
  std::uint64_t written_ = 0;

  double ns_per_tick_ = 0;  // 0: not measured yet

  std::uint64_t dropped_before_ = 0;
  std::vector<std::uint64_t> last_ticks_;  // by ring
  std::vector<item> items_;                // in order, not written yet
  std::vector<item> fresh_;                // of one ring
  std::size_t largest_ = 0;                // what one ring held
  trace_beginning at_start_;
  trace_json json_;

  pthread_t thread_{};
  note wake_;
  std::atomic<bool> stopping_{false};
};

}  // namespace goro::detail
