// The concurrent prime sieve: a chain of goroutines, one for each prime found so far.
//
//   2, 3, 4, ... -> [not by 2] -> [not by 3] -> [not by 5] -> ...
//
// The first number that comes out of the chain is the next prime; a filter for its multiples is then put at
// the end. At the end of the program the filters are still waiting; they go with it, as goroutines do when
// main returns.

#include <cstdio>
#include <utility>

#include <goro/goro.hpp>

namespace {

void generate(const goro::send_chan<int>& out) {
  for (int n = 2;; ++n) out.send(n);
}

void filter(const goro::recv_chan<int>& in, const goro::send_chan<int>& out, int prime) {
  for (const int n : in) {
    if (n % prime != 0) out.send(n);
  }
}

}  // namespace

int main() {
  return goro::run([] {
    goro::chan<int> numbers;
    goro::go(generate, numbers);
    for (int i = 0; i != 25; ++i) {
      const int prime = numbers.recv().value();
      std::printf("%d\n", prime);
      goro::chan<int> next;
      goro::go(filter, numbers, next, prime);
      numbers = std::move(next);
    }
  });
}
