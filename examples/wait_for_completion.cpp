// Pattern: wait for completion. A wait_group counts the goroutines that are at work; wait() returns at zero.
//
// Each goroutine writes to an element of its own, so the vector needs no lock, and wait() makes all of those
// writes visible to main. Results that a single goroutine owes are simpler still with async(): see
// future.cpp.

#include <cstddef>
#include <cstdio>
#include <utility>
#include <vector>

#include <goro/goro.hpp>

namespace {

unsigned long fibonacci(unsigned n) {
  unsigned long a = 0;
  unsigned long b = 1;
  for (; n != 0; --n) a = std::exchange(b, a + b);
  return a;
}

}  // namespace

int main() {
  return goro::run([] {
    std::vector<unsigned long> results(10);

    goro::wait_group wg;
    for (std::size_t i = 0; i != results.size(); ++i) {
      // i by value: it is another number by the time the goroutine runs. results and wg by reference: main
      // waits.
      wg.go([i, &results] { results[i] = fibonacci(static_cast<unsigned>(i) * 5); });
    }
    wg.wait();

    for (std::size_t i = 0; i != results.size(); ++i)
      std::printf("fibonacci(%zu) = %lu\n", i * 5, results[i]);
  });
}
