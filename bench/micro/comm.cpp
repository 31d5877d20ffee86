// Channels, locks and wait groups that nobody contends for, and the hand-over between two goroutines.
#include <cstdint>
#include <mutex>

#include "micro.hpp"

namespace {

// A send into free room and a receive of what is there: nobody waits.
void chan_send_recv(benchmark::State& state) {
  micro::in_goroutine(state, [](benchmark::State& s) {
    const goro::chan<std::int64_t> c{s.range(0)};
    std::int64_t i = 0;
    for (auto _ : s) {
      c.send(i++);
      benchmark::DoNotOptimize(c.recv());
    }
  });
}
BENCHMARK(chan_send_recv)->Arg(1)->Arg(128)->Apply(micro::timing);

// A send to a goroutine that waits in its receive.
void chan_hand_over(benchmark::State& state) {
  micro::in_goroutine(state, [](benchmark::State& s) {
    goro::chan<std::int64_t> c;
    goro::wait_group receiver;
    receiver.go([c] {
      for (const std::int64_t v : c) benchmark::DoNotOptimize(v);
    });
    std::int64_t i = 0;
    for (auto _ : s) c.send(i++);
    c.close();
    receiver.wait();
  });
}
BENCHMARK(chan_hand_over)->Apply(micro::timing);

// Making and dropping a channel.
void chan_make(benchmark::State& state) {
  micro::in_goroutine(state, [](benchmark::State& s) {
    for (auto _ : s) {
      const goro::chan<std::int64_t> c{s.range(0)};
      benchmark::DoNotOptimize(c.capacity());
    }
  });
}
BENCHMARK(chan_make)->Arg(0)->Arg(128)->Apply(micro::timing);

template <class Mutex>
void lock_unlock(benchmark::State& state) {
  micro::in_goroutine(state, [](benchmark::State& s) {
    Mutex guard;
    for (auto _ : s) {
      const std::lock_guard lock(guard);
      benchmark::ClobberMemory();
    }
  });
}
BENCHMARK(lock_unlock<goro::mutex>)->Apply(micro::timing);
BENCHMARK(lock_unlock<std::mutex>)->Apply(micro::timing);

void wait_group_add_done(benchmark::State& state) {
  micro::in_goroutine(state, [](benchmark::State& s) {
    goro::wait_group wg;
    wg.add(1);  // keeps the count above zero: no call has anybody to wake
    for (auto _ : s) {
      wg.add(1);
      wg.done();
    }
    wg.done();
  });
}
BENCHMARK(wait_group_add_done)->Apply(micro::timing);

}  // namespace
