// Pattern: fire and forget. The caller starts work and goes on; nobody waits for it, nobody asks how it went.
//
// Right for work whose loss does no harm: a statistic, a warm-up of a cache. Two things to know:
//   - when main returns the program ends, and work that has not run is lost;
//   - an exception that leaves a goroutine ends the whole program, so such work handles its own errors.

#include <atomic>
#include <cstdio>
#include <exception>
#include <stdexcept>

#include <goro/goro.hpp>

namespace {

std::atomic<int> recorded{0};
std::atomic<int> refused{0};

void record(int event) noexcept {
  try {
    if (event == 3) throw std::runtime_error("the statistics server is away");
    recorded.fetch_add(1);
  } catch (const std::exception&) {
    refused.fetch_add(1);  // counted, and then forgotten
  }
}

}  // namespace

int main() {
  return goro::run([] {
    for (int event = 0; event != 10; ++event) goro::go(record, event);
    std::puts("ten events fired, main goes on at once");

    // A real program would simply live on. This one is at its end, so it gives the goroutines their turn
    // first.
    while (recorded.load() + refused.load() != 10) goro::this_goroutine::yield();
    std::printf("%d recorded, %d refused\n", recorded.load(), refused.load());
  });
}
