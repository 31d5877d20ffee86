// Starting goroutines and giving away the turn.
#include <atomic>
#include <cstdint>

#include "micro.hpp"

namespace {

// One yield of each of two goroutines: two switches and two passes through the run queue.
void yield_two(benchmark::State& state) {
  micro::in_goroutine(state, [](benchmark::State& s) {
    std::atomic<bool> stop{false};
    goro::wait_group partner;
    partner.go([&stop] {
      while (!stop.load(std::memory_order_relaxed)) goro::this_goroutine::yield();
    });
    for (auto _ : s) goro::this_goroutine::yield();
    stop.store(true, std::memory_order_relaxed);
    partner.wait();
    s.SetItemsProcessed(2 * s.iterations());
  });
}
BENCHMARK(yield_two)->Apply(micro::timing);

// A yield when nobody else wants the turn.
void yield_alone(benchmark::State& state) {
  micro::in_goroutine(state, [](benchmark::State& s) {
    for (auto _ : s) goro::this_goroutine::yield();
  });
}
BENCHMARK(yield_alone)->Apply(micro::timing);

// Start n goroutines that only call done, and wait for them. With n = 1 the waiter parks for each.
void spawn_and_wait(benchmark::State& state) {
  micro::in_goroutine(state, [](benchmark::State& s) {
    const std::int64_t n = s.range(0);
    for (auto _ : s) {
      goro::wait_group wg;
      wg.add(n);
      for (std::int64_t i = 0; i < n; ++i) goro::go([&wg] { wg.done(); });
      wg.wait();
    }
    s.SetItemsProcessed(n * s.iterations());
  });
}
BENCHMARK(spawn_and_wait)->Arg(1)->Arg(100)->Arg(10'000)->Apply(micro::timing);

}  // namespace
