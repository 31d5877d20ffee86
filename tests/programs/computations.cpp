// `computations COUNT MS`: so many goroutines at once, each with a computation of so many milliseconds of CPU
// and no call of goro in it, beside the same work shared by as many plain threads as there are Ps: half of it
// before, half after. Prints how long both took, in milliseconds of wall time, and how many threads there
// were at most.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <goro/goro.hpp>

namespace {

using namespace std::chrono_literals;

double cpu_ms() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) / 1e6;
}

void compute(long steps) {
  for (long i = 0; i != steps; ++i) asm volatile("" ::: "memory");
}

long steps_for(double ms) {
  constexpr long k_sample = 50'000'000;
  double best = 1e9;
  for (int i = 0; i != 5; ++i) {
    const double start = cpu_ms();
    compute(k_sample);
    best = std::min(best, cpu_ms() - start);
  }
  return static_cast<long>(ms / best * k_sample);
}

template <class F>
double wall_ms(F f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

int thread_count() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("Threads:")) return std::atoi(line.c_str() + 8);
  }
  return 0;
}

double shared_by_threads(int count, long steps) {
  return wall_ms([=] {
    std::atomic<int> left{count};
    std::vector<std::jthread> workers;
    for (int p = goro::max_procs(); p != 0; --p) {
      workers.emplace_back([&] {
        while (left-- > 0) compute(steps);
      });
    }
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 99;
  const int count = std::atoi(argv[1]);
  const long steps = steps_for(std::atof(argv[2]));
  double plain = shared_by_threads(count / 2, steps);
  std::atomic<bool> stop{false};
  int most = 0;
  std::jthread sampler([&] {
    for (; !stop; std::this_thread::sleep_for(20ms)) most = std::max(most, thread_count());
  });
  const double goroutines = wall_ms([&] {
    goro::run([&] {
      goro::wait_group ended;
      for (int i = 0; i != count; ++i) ended.go([&] { compute(steps); });
      ended.wait();
    });
  });
  stop = true;
  sampler.join();
  plain += shared_by_threads(count - count / 2, steps);
  std::printf("plain_ms=%.0f goroutines_ms=%.0f ratio=%.3f threads=%d\n", plain, goroutines,
              goroutines / plain, most);
}
