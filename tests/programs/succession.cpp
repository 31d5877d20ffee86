// `succession WARM_UP TOTAL MODE`: starts and finishes goroutines and prints the resident KB after WARM_UP of
// them and after TOTAL. MODE "each" waits for each one, "flood" starts them all in one loop, "parking" lets
// each park once.
#include <unistd.h>

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

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 99;
  return goro::run([&] {
    const long warm_up = std::atol(argv[1]);
    start_and_finish(warm_up, argv[3]);
    const long before = resident_kb();
    start_and_finish(std::atol(argv[2]) - warm_up, argv[3]);
    std::printf("%ld %ld\n", before, resident_kb());
  });
}
