// Exercise 2: start three goroutines and wait for all of them with a wait_group.
//
// add() comes before the goroutine starts: after it, wait() could find the counter at zero and return too
// soon. done() comes on every way out, so a scope_exit calls it. wg.go(f) does all that at once; this is it
// spelled out.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>

#include <goro/goro.hpp>

int main() {
  return goro::run([] {
    std::array<bool, 3> finished{};

    goro::wait_group wg;
    for (std::size_t i = 0; i != finished.size(); ++i) {
      wg.add();
      goro::go([i, &finished, &wg] {
        const goro::scope_exit done([&wg] { wg.done(); });
        goro::sleep_for(std::chrono::milliseconds(3 * (3 - i)));  // the first is the slowest
        finished[i] = true;
      });
    }
    std::puts("main waits for three goroutines");
    wg.wait();

    for (std::size_t i = 0; i != finished.size(); ++i) {
      std::printf("goroutine %zu has %s\n", i + 1, finished[i] ? "finished" : "not finished");
    }
  });
}
