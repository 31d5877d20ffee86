// The bare context switch, without a scheduler: the floor under everything else.
#include <benchmark/benchmark.h>

#include <cstddef>

#include "arch/switch.hpp"

namespace {

alignas(64) std::byte other_stack[64 * 1024];
void* loop_context = nullptr;
void* other_context = nullptr;

void give_back_for_ever(goro::detail::machine* mp) {
  for (;;) mp = goro::detail::goro_arch_switch(&other_context, loop_context, mp);
}

// There and back: two switches.
void switch_two(benchmark::State& state) {
  other_context = goro::detail::arch_prepare(other_stack + sizeof(other_stack), give_back_for_ever);
  for (auto _ : state) goro::detail::goro_arch_switch(&loop_context, other_context, nullptr);
  state.SetItemsProcessed(2 * state.iterations());
}
BENCHMARK(switch_two);

}  // namespace
