// The smallest program: main starts a goroutine, waits for it, and goes on.
//
// run() makes its function the main goroutine; the program ends when that returns, whoever else is still
// running. That is why main has to wait: without wg.wait() the greeting might or might not appear.

#include <cstdio>

#include <goro/goro.hpp>

int main() {
  return goro::run([] {
    goro::wait_group wg;
    wg.go([] { std::puts("hello from a goroutine"); });
    wg.wait();
    std::puts("hello from main");
  });
}
