// How a Google Benchmark loop gets into a goroutine.
#pragma once

#include <benchmark/benchmark.h>

#include <goro/goro.hpp>

namespace micro {

// Runs loop(state) as the main goroutine of one P: what is measured is the code path, without a second core's
// traffic.
template <class Loop>
void in_goroutine(benchmark::State& state, Loop loop) {
  goro::run(goro::run_options{}.max_procs(1), [&] { loop(state); });
}

// Real time is what a workload sees; the thread's CPU clock, Google Benchmark's default, means nothing for a
// goroutine that may change threads.
inline void timing(benchmark::internal::Benchmark* b) { b->UseRealTime()->MeasureProcessCPUTime(); }

}  // namespace micro
