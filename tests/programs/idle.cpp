// `idle GOROUTINES SECONDS`: parks that many goroutines, does nothing for that long, and prints the
// microseconds of CPU time that the process used meanwhile.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include <goro/diag.hpp>
#include <goro/goro.hpp>

namespace {

using namespace std::chrono_literals;

long cpu_microseconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto us = [](const timeval& tv) { return tv.tv_sec * 1'000'000 + tv.tv_usec; };
  return us(usage.ru_utime) + us(usage.ru_stime);
}

std::size_t waiting() {
  const auto all = goro::diag::goroutines();
  return static_cast<std::size_t>(std::count_if(
      all.begin(), all.end(), [](const auto& g) { return g.state != "runnable" && g.state != "running"; }));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 99;
  const int goroutines = std::atoi(argv[1]);
  const std::chrono::seconds duration(std::atoi(argv[2]));
  static const goro::chan<int> never;
  static goro::mutex locked;
  static goro::wait_group counted;
  locked.lock();
  counted.add();
  for (int i = 0; i < goroutines; ++i) {
    switch (i % 5) {
      case 0:
        goro::go([] { never.recv(); });
        break;
      case 1:
        goro::go([] { never.try_recv_for(1h).error(); });
        break;
      case 2:
        goro::go([] { goro::sleep_for(1h); });
        break;
      case 3:
        goro::go([] { locked.lock(); });
        break;
      default:
        goro::go([] { counted.wait(); });
    }
  }
  while (waiting() != static_cast<std::size_t>(goroutines)) std::this_thread::sleep_for(20ms);
  std::this_thread::sleep_for(300ms);  // for the threads to find out that they are idle
  const long before = cpu_microseconds();
  std::this_thread::sleep_for(duration);
  std::printf("%ld\n", cpu_microseconds() - before);
  std::fflush(stdout);
  std::_Exit(0);
}
