// `succession WARM_UP TOTAL MODE`: starts and finishes goroutines and prints the resident KB after WARM_UP of
// them and after TOTAL. MODE "each" waits for each one, "flood" starts them all in one loop, "parking" lets
// each park once. In the warm-up each P has a part, as far as there are cores: one that came to it only later
// would fill its caches then.
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <goro/goro.hpp>

namespace {

long resident_kb() {
  std::FILE* statm = std::fopen("/proc/self/statm", "r");
  long size = 0;
  long resident = 0;
  if (!statm || std::fscanf(statm, "%ld %ld", &size, &resident) != 2) std::abort();
  std::fclose(statm);
  return resident * (::sysconf(_SC_PAGESIZE) / 1024);
}

void start_and_finish(long n, std::string_view mode) {
  goro::wait_group ended;
  for (long i = 0; i < n; ++i) {
    if (mode == "parking") {
      ended.go([] { goro::this_goroutine::yield(); });
    } else {
      ended.go([] {});
    }
    if (mode == "each") ended.wait();
  }
  ended.wait();
}

int cores() {
  cpu_set_t usable;
  if (::sched_getaffinity(0, sizeof usable, &usable) != 0) std::abort();
  return CPU_COUNT(&usable);
}

void warm_up(long n, std::string_view mode) {
  const int parts = std::min(goro::max_procs(), cores());
  std::atomic<int> there{0};
  goro::wait_group ended;
  for (int i = 0; i != parts; ++i) {
    ended.go([&] {
      ++there;
      while (there != parts) {  // each keeps its P
      }
      start_and_finish(n / parts, mode);
    });
  }
  ended.wait();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 99;
  return goro::run([&] {
    const long at_first = std::atol(argv[1]);
    warm_up(at_first, argv[3]);
    const long before = resident_kb();
    start_and_finish(std::atol(argv[2]) - at_first, argv[3]);
    std::printf("%ld %ld\n", before, resident_kb());
  });
}
