// Cancellation by closing a channel: a closed channel tells everybody who asks, any number of times.
//
// A goroutine cannot be killed from outside; it has to be asked to stop, and to listen. Closing `done` asks
// all of the workers at once, however many there are; a sent value would reach only one of them. Each looks
// at `done` between two pieces of work, or waits on it for as long as it would have slept.

#include <chrono>
#include <cstdio>

#include <goro/goro.hpp>

namespace {

bool canceled(const goro::recv_chan<goro::unit>& done) {
  return done.try_recv().error() == goro::errc::closed;
}

// Computes until it is told to stop.
void busy_worker(const goro::recv_chan<goro::unit>& done, const goro::chan<goro::unit>& started) {
  for (unsigned long rounds = 0; !canceled(done); ++rounds) {
    if (rounds == 0) started.send({});
    goro::this_goroutine::yield();
  }
}

// Does something once an hour, and yet stops at once.
void patient_worker(const goro::recv_chan<goro::unit>& done, const goro::chan<goro::unit>& started) {
  started.send({});
  while (done.try_recv_for(std::chrono::hours(1)).error() == goro::errc::timed_out) {
    std::puts("an hour has passed");
  }
}

}  // namespace

int main() {
  return goro::run([] {
    const goro::chan<goro::unit> done;
    const goro::chan<goro::unit> started;
    goro::wait_group wg;
    for (int i = 0; i != 3; ++i) {
      wg.go([=] { busy_worker(done, started); });
      wg.go([=] { patient_worker(done, started); });
    }
    for (int i = 0; i != 6; ++i) started.recv();
    std::puts("six workers are at work");

    done.close();
    wg.wait();
    std::puts("all have stopped");
  });
}
