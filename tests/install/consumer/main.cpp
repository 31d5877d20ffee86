// What a user's first program does: start goroutines, talk to them over a channel, wait for them.
#include <goro/goro.hpp>

#include <cstdio>

int main() {
  return goro::run([] {
    constexpr int k_workers = 10;
    goro::chan<int> squares{k_workers};
    goro::wait_group done;
    for (int i = 1; i <= k_workers; ++i) {
      done.go([=] { squares.send(i * i); });
    }
    done.wait();
    squares.close();

    int sum = 0;
    for (int square : squares) {
      sum += square;
    }
    std::printf("sum of squares: %d\n", sum);
    return sum == 385 ? 0 : 1;
  });
}
