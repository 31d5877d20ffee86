// The program of the README: four workers square a hundred numbers, main adds the squares up.

#include <cstdio>

#include <goro/goro.hpp>

int main() {
  return goro::run([] {  // the main goroutine; the program ends when it returns
    goro::chan<int> jobs{16};
    goro::chan<int> squares{16};
    goro::wait_group wg;

    for (int w = 0; w != 4; ++w) {
      wg.go([=] {
        for (const int n : jobs) squares.send(n * n);  // ends when jobs is closed and empty
      });
    }
    goro::go([=] {
      for (int n = 1; n <= 100; ++n) jobs.send(n);
      jobs.close();
    });
    goro::go([=, &wg] {
      wg.wait();
      squares.close();
    });

    long sum = 0;
    for (const int s : squares) sum += s;
    std::printf("%ld\n", sum);
  });
}
