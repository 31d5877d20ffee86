// Two goroutines and an unbuffered channel in each direction: a ball that is only ever at one place.
//
// An unbuffered send returns only together with the receive of that value, so the two take turns without a
// lock, and their output cannot be mixed up.

#include <cstdio>

#include <goro/goro.hpp>

namespace {

struct ball {
  int hits = 0;
};

void player(const char* call, const goro::recv_chan<ball>& in, const goro::send_chan<ball>& out) {
  for (ball b : in) {
    ++b.hits;
    std::printf("%d %s\n", b.hits, call);
    out.send(b);
  }
  out.close();
}

}  // namespace

int main() {
  return goro::run([] {
    const goro::chan<ball> serve;
    const goro::chan<ball> over;
    const goro::chan<ball> back;
    goro::go(player, "ping", serve, over);
    goro::go(player, "pong", over, back);

    ball b;
    for (int rally = 0; rally != 3; ++rally) {
      serve.send(b);
      b = back.recv().value();
    }
    serve.close();  // ping closes over, pong closes back
    std::printf("the ball was hit %d times, and the court is %s\n", b.hits, back.recv() ? "in use" : "empty");
  });
}
