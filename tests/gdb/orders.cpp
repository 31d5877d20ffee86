// The program of docs/gdb.md: three clerks enter orders into one ledger, and each sends a receipt. Nobody
// takes the receipts, so one clerk waits for that, with the ledger locked, and the others wait for the
// ledger. In they_all_wait() a breakpoint belongs; then main takes them after all.
#include <chrono>
#include <mutex>

#include <goro/goro.hpp>

namespace shop {

goro::chan<int> orders{3};
goro::chan<int> receipts;
goro::mutex ledger;

void enter(int number) {
  const std::lock_guard entry(ledger);
  receipts.send(number);
}

void serve() {
  for (const int number : orders) enter(number);
}

void close_late() {
  goro::sleep_for(std::chrono::hours(8));
  orders.close();
}

void they_all_wait() { asm volatile(""); }

void open() {
  for (int i = 0; i != 3; ++i) goro::go(serve);
  goro::go(goro::go_options{}.name("closing time"), close_late);
  for (const int number : {71, 72, 73}) orders.send(number);
  for (int i = 0; i != 10; ++i) goro::this_goroutine::yield();  // with one P all others have had their turn
  they_all_wait();
  for (int i = 0; i != 3; ++i) receipts.recv();
}

}  // namespace shop

int main() {
  return goro::run(goro::run_options{}.max_procs(1), [] { shop::open(); });
}
