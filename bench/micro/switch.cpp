// The bare context switch, without a scheduler: the floor under everything else.
#include <benchmark/benchmark.h>

#include <cstddef>

#include "arch/switch.hpp"

namespace {

alignas(64) std::byte other_stack[64 * 1024];
void* loop_context = nullptr;
void* other_context = nullptr;

goro::detail::departure give_back_for_ever(goro::detail::machine* mp) {
  for (;;) mp = goro::detail::goro_arch_switch(&other_context, loop_context, mp, nullptr);
}

// There and back: two switches.
void switch_two(benchmark::State& state) {
  goro::detail::goro_arch_switch(&loop_context, other_stack + sizeof(other_stack), nullptr,
                                 give_back_for_ever);
  for (auto _ : state) goro::detail::goro_arch_switch(&loop_context, other_context, nullptr, nullptr);
  state.SetItemsProcessed(2 * state.iterations());
}
BENCHMARK(switch_two);

}  // namespace
