// Pattern: a pipeline. Each stage is a goroutine that receives from one channel and sends to the next.
//
//   count -> square -> keep_odd -> main
//
// The stages run side by side, and because each is one goroutine the order is kept. A stage closes its output
// when its input has ended, so the end travels down the pipeline by itself. The views recv_chan and send_chan
// say who does what, and using the wrong end does not compile.

#include <cstdio>
#include <utility>

#include <goro/goro.hpp>

namespace {

// Starts a stage: f(input, output) runs in a goroutine, and its output is closed when it returns.
template <class Stage>
goro::recv_chan<int> start(Stage stage, goro::recv_chan<int> in) {
  goro::chan<int> out;
  goro::go([=] {
    stage(in, goro::send_chan<int>(out));
    out.close();
  });
  return out;
}

void count(const goro::recv_chan<int>&, const goro::send_chan<int>& out) {
  for (int n = 1; n <= 10; ++n) out.send(n);
}

void square(const goro::recv_chan<int>& in, const goro::send_chan<int>& out) {
  for (const int n : in) out.send(n * n);
}

void keep_odd(const goro::recv_chan<int>& in, const goro::send_chan<int>& out) {
  for (const int n : in) {
    if (n % 2 != 0) out.send(n);
  }
}

}  // namespace

int main() {
  return goro::run([] {
    auto numbers = start(count, {});
    auto squares = start(square, std::move(numbers));
    auto odd_squares = start(keep_odd, std::move(squares));
    for (const int n : odd_squares) std::printf("%d\n", n);
    std::puts("end of the pipeline");
  });
}
