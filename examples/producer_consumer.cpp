// Producers and consumers over a buffered channel. The buffer is the limit: a producer that is too fast
// waits.
//
// Four producers and two consumers; every value arrives exactly once, whoever gets it. The channel is closed
// by the goroutine that knows that all producers have finished, and the consumers' loops then end by
// themselves.

#include <cstdio>

#include <goro/goro.hpp>

namespace {

constexpr int k_producers = 4;
constexpr int k_each = 2500;

struct tally {
  int values = 0;
  long sum = 0;
};

void produce(int first, const goro::send_chan<int>& out) {
  for (int i = 0; i != k_each; ++i) out.send(first + i);
}

tally consume(const goro::recv_chan<int>& in) {
  tally mine;
  for (const int v : in) {
    ++mine.values;
    mine.sum += v;
  }
  return mine;
}

}  // namespace

int main() {
  return goro::run([] {
    const goro::chan<int> buffer{32};

    goro::wait_group producers;
    for (int p = 0; p != k_producers; ++p) {
      producers.go([=] { produce(p * k_each, buffer); });
    }
    auto first = goro::async(consume, buffer);
    auto second = goro::async(consume, buffer);

    producers.wait();
    buffer.close();
    const tally a = first.get();
    const tally b = second.get();
    std::printf("%d values arrived, their sum is %ld\n", a.values + b.values, a.sum + b.sum);
  });
}
