// A chain of 5,000 goroutines, each waiting for its neighbour on the right: a whisper goes through them all.
//
//   main <- [+1] <- [+1] <- ... <- [+1] <- 1
//
// A waiting goroutine costs a little memory and no thread, so five thousand of them are nothing to speak of.

#include <cstdio>
#include <utility>

#include <goro/goro.hpp>

int main() {
  return goro::run([] {
    constexpr int k_links = 5'000;

    const goro::chan<int> leftmost;
    goro::chan<int> left = leftmost;
    for (int i = 0; i != k_links; ++i) {
      goro::chan<int> right;
      goro::go([left, right] { left.send(right.recv().value() + 1); });
      left = std::move(right);
    }

    left.send(1);  // whispered into the last ear
    std::printf("after %d links the whisper is %d\n", k_links, leftmost.recv().value());
  });
}
