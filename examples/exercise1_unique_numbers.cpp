// Exercise 1: start five goroutines, each of which prints a number of its own.
//
// The pitfall is in the loop: capture `i` by value. By reference all five would read one variable that the
// loop changes and then destroys. They run in any order, so main collects the lines and prints them sorted.

#include <cstdio>
#include <set>

#include <goro/goro.hpp>

int main() {
  return goro::run([] {
    constexpr int k_goroutines = 5;
    const goro::chan<int> numbers;

    for (int i = 1; i <= k_goroutines; ++i) {
      goro::go([i, numbers] { numbers.send(i); });
    }

    std::set<int> seen;
    for (int i = 0; i != k_goroutines; ++i) seen.insert(numbers.recv().value());

    for (const int n : seen) std::printf("goroutine %d was here\n", n);
    std::printf("%zu different numbers\n", seen.size());
  });
}
