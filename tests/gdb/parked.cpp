// A thousand goroutines for a debugger to look at: `parked [CASE]`. Nearly all of them are parked, each below
// a function that is named after what it waits for; one computes, and main stops in everybody_waits(), where
// a breakpoint belongs. Then all go on: those that wait for something get it, and are counted.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <goro/diag.hpp>
#include <goro/goro.hpp>

namespace {

using namespace std::chrono_literals;

constexpr int k_of_each_kind = 249;  // 4 kinds, two that have names, one that computes, and main: 1000

goro::chan<int> messages;
goro::chan<int> others;
goro::mutex door;
std::atomic<bool> enough{false};
std::atomic<int> came_back{0};

// None is inlined, and none ends with the call that parks: they are to be found in backtraces.
[[gnu::noinline]] void wait_for_message() {
  messages.recv();
  came_back.fetch_add(1);
}

[[gnu::noinline]] void wait_for_either() {
  goro::select(goro::on_recv(messages, [](auto) {}), goro::on_recv(others, [](auto) {}));
  came_back.fetch_add(1);
}

[[gnu::noinline]] void wait_for_door() {
  door.lock();
  came_back.fetch_add(1);
  door.unlock();
}

[[gnu::noinline]] void wait_for_time() {
  goro::sleep_for(1h);  // it does not come back
  came_back.fetch_add(1);
}

[[gnu::noinline]] void compute() {
  while (!enough.load()) {
  }
  came_back.fetch_add(1);
}

extern "C" [[gnu::noinline]] void everybody_waits() { asm volatile(""); }

// Ends the process some frames deep.
[[gnu::noinline]] void fall_over(int depth) {
  if (depth != 0) return fall_over(depth - 1);
  if (!enough.load()) std::abort();
}

std::ptrdiff_t in_state(std::string_view state) {
  const auto all = goro::diag::goroutines();
  return std::count_if(all.begin(), all.end(), [&](const auto& g) { return g.state == state; });
}

void start_all() {
  door.lock();
  for (int i = 0; i != k_of_each_kind; ++i) {
    goro::go(wait_for_message);
    goro::go(wait_for_either);
    goro::go(wait_for_door);
    goro::go(wait_for_time);
  }
  goro::go(goro::go_options{}.name("short"), wait_for_message);
  goro::go(goro::go_options{}.name("a name that is too long for where short ones are kept"),
           wait_for_message);
  goro::go(compute);
  while (in_state("chan receive") != k_of_each_kind + 2 || in_state("select") != k_of_each_kind ||
         in_state("sync.Mutex.Lock") != k_of_each_kind || in_state("sleep") != k_of_each_kind)
    goro::this_goroutine::yield();
  goro::this_goroutine::yield();  // whoever has the only P again knows that all others are off their stacks
}

int let_all_go() {
  constexpr int k_expected = 3 * k_of_each_kind + 3;
  enough = true;
  messages.close();
  door.unlock();
  while (came_back.load() != k_expected) goro::this_goroutine::yield();
  std::puts("all came back");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const bool falls = argc > 1 && argv[1] == std::string("abort");
  return goro::run(goro::run_options{}.max_procs(1), [=] {
    start_all();
    everybody_waits();
    if (falls) fall_over(3);
    return let_all_go();
  });
}
