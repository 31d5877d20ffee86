// Workloads about goroutines that do not cooperate: endless loops and blocking system calls.
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <goro/goro.hpp>
#include <vector>

#include "bench.hpp"

namespace bench {
namespace {

using namespace std::chrono_literals;

// How late 500 sleeps of 1 ms end while 2*P endless loops without calls run.
void hog() {
  for (int i = 0; i < 2 * goro::max_procs(); ++i) {
    goro::go([] {
      for (;;) asm volatile("");  // an endless loop without effects must not be one to the compiler
    });
  }
  const auto n = static_cast<std::size_t>(size_or(500));
  std::vector<double> late(n);
  const goro::chan<bool> done;
  goro::go([&late, done] {
    for (double& ms : late) {
      const auto start = clock::now();
      goro::sleep_for(1ms);
      ms = ms_since(start) - 1;
    }
    done.send(true);
  });
  done.recv();
  std::sort(late.begin(), late.end());
  report("late_p50_ms", late[n / 2]);
  report("late_p99_ms", late[n * 99 / 100]);
  report("late_max_ms", late[n - 1]);
  std::exit(0);
}

// g goroutines each make a raw nanosleep call of 10 ms; twice, so that the second round finds the threads.
void blocked_sleep() {
  for (const char* metric : {"cold_ms", "warm_ms"}) {
    const auto start = clock::now();
    goro::wait_group wg;
    for (std::int64_t i = 0; i < goroutines_or(64); ++i) {
      wg.add(1);
      goro::go([&wg] {
        const timespec ts{.tv_sec = 0, .tv_nsec = 10'000'000};
        ::syscall(SYS_nanosleep, &ts, nullptr);
        wg.done();
      });
    }
    wg.wait();
    report(metric, ms_since(start));
  }
}

// g goroutines each read a pipe of their own in blocking mode; 10 ms later one writes a byte to all.
void blocked_pipe() {
  for (const char* metric : {"cold_ms", "warm_ms"}) {
    const auto start = clock::now();
    goro::wait_group wg;
    std::vector<std::array<int, 2>> pipes;
    for (std::int64_t i = 0; i < goroutines_or(64); ++i) {
      std::array<int, 2> p{};
      check(::pipe(p.data()) == 0, "no pipe");
      pipes.push_back(p);
      wg.add(1);
      goro::go([&wg, p] {
        char byte = 0;
        check(::read(p[0], &byte, 1) == 1, "nothing to read");
        wg.done();
      });
    }
    goro::sleep_for(10ms - (clock::now() - start));
    for (const auto& p : pipes) check(::write(p[1], "x", 1) == 1, "cannot write");
    wg.wait();
    report(metric, ms_since(start));
    for (const auto& p : pipes) {
      ::close(p[0]);
      ::close(p[1]);
    }
  }
}

constexpr workload k_workloads[] = {
    {"hog", hog},
    {"blocked_sleep", blocked_sleep},
    {"blocked_pipe", blocked_pipe},
};

}  // namespace

std::span<const workload> blocking_workloads() { return k_workloads; }

}  // namespace bench
