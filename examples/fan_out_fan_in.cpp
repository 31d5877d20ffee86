// Pattern: fan-out and fan-in. Several goroutines receive from one channel (fan-out) and send to another
// (fan-in).
//
//   generate -> numbers -> 3 x count divisors -> answers -> main
//
// Whoever sends closes: the generator closes `numbers`. `answers` has three senders, so none of them may
// close it; a goroutine that waits for all three does. The answers come in any order, which is why main sorts
// them.

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <utility>
#include <vector>

#include <goro/goro.hpp>

namespace {

using answer = std::pair<int, int>;  // a number, and how many divisors it has

void generate(const goro::send_chan<int>& numbers) {
  for (int n = 1; n <= 1000; ++n) numbers.send(n);
  numbers.close();
}

void count_divisors(const goro::recv_chan<int>& numbers, const goro::send_chan<answer>& answers) {
  for (const int n : numbers) {
    int divisors = 0;
    for (int d = 1; d <= n; ++d) divisors += n % d == 0 ? 1 : 0;
    answers.send({n, divisors});
  }
}

}  // namespace

int main() {
  return goro::run([] {
    const goro::chan<int> numbers{8};
    const goro::chan<answer> answers{8};

    goro::go(generate, numbers);
    goro::wait_group workers;
    for (int w = 0; w != 3; ++w) {
      workers.go([=] { count_divisors(numbers, answers); });
    }
    goro::go([&workers, answers] {
      workers.wait();
      answers.close();
    });

    std::vector<answer> all;
    for (const answer& a : answers) all.push_back(a);

    std::sort(all.begin(), all.end(), [](const answer& a, const answer& b) {
      return a.second != b.second ? a.second > b.second : a.first < b.first;
    });
    std::printf("%zu answers; most divisors below 1001:\n", all.size());
    for (std::size_t i = 0; i != 5 && i < all.size(); ++i) {
      std::printf("  %d has %d\n", all[i].first, all[i].second);
    }
  });
}
