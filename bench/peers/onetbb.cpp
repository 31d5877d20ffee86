// The fork-join workloads of goro-bench with oneTBB. Its tasks cannot wait for each other as goroutines do: a
// call of wait() runs other tasks on the same stack.
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include <array>
#include <cstdint>
#include <numeric>

#include "fib.hpp"
#include "peers/peer.hpp"

namespace bench {
namespace {

using std::int64_t;
namespace tbb = oneapi::tbb;

void spawn_join() {
  const int64_t n = size_or(1'000'000);
  const auto start = clock::now();
  tbb::task_group group;
  for (int64_t i = 0; i < n; ++i) group.run([] {});
  group.wait();
  report_per_op(start, n);
}

int64_t sky_node(int64_t num, int64_t size) {
  if (size == 1) return num;
  std::array<int64_t, 10> sums{};
  tbb::task_group group;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    group.run([&sums, num, size, i] {
      sums[i] = sky_node(num + static_cast<int64_t>(i) * (size / 10), size / 10);
    });
  }
  group.wait();
  return std::accumulate(sums.begin(), sums.end(), int64_t{0});
}

void skynet() {
  const int64_t n = size_or(1'000'000);
  const auto start = clock::now();
  check(sky_node(0, n) == n * (n - 1) / 2, "wrong sum, or -n is no power of 10");
  report("ms", ms_since(start));
}

int64_t fib_of(int64_t n) {
  if (n < 2) return n;
  int64_t x = 0;
  tbb::task_group group;
  group.run([&x, n] { x = fib_of(n - 1); });
  const int64_t y = fib_of(n - 2);
  group.wait();
  return x + y;
}

constexpr workload k_workloads[] = {
    {"spawn_join", spawn_join},
    {"skynet", skynet},
    {"fib_wg", [] { time_fib(fib_of); }},
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  const bench::workload* const chosen = bench::choose("goro-bench-onetbb", bench::k_workloads, argc, argv);
  if (chosen == nullptr) return 2;
  const tbb::global_control bound(tbb::global_control::max_allowed_parallelism,
                                  static_cast<std::size_t>(bench::procs()));
  tbb::task_arena arena(bench::procs());
  arena.execute(chosen->body);
  return 0;
}
