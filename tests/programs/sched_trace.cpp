// `sched_trace CASE`: what the lines of GORO_DEBUG=schedtrace are looked at for.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <thread>

#include <goro/goro.hpp>

namespace {

using namespace std::chrono_literals;

// Nothing happens, and nobody holds a P.
int sleeps() {
  return goro::run([] { goro::sleep_for(400ms); });
}

// A loop on each P that never calls goro, once all have begun. Until then somebody may wait for a turn, and
// whoever runs may lose the P to him; at its last call each gets one again, and then nobody waits. The main
// goroutine is one of the loops: to wait for them it would want a P, too.
int loops() {
  return goro::run([] {
    std::atomic<int> begun{0};
    std::atomic<int> looping{0};
    std::atomic<bool> stop{false};
    const int all = goro::max_procs();
    std::thread clock([&] {
      while (looping != all) std::this_thread::sleep_for(1ms);
      std::this_thread::sleep_for(400ms);
      stop = true;
    });
    const auto loop = [&] {
      ++begun;
      while (begun != all) std::this_thread::yield();
      goro::this_goroutine::yield();
      ++looping;
      while (!stop.load(std::memory_order_relaxed)) {
      }
    };
    goro::wait_group ended;
    for (int i = 1; i < all; ++i) ended.go(loop);
    loop();
    ended.wait();
    clock.join();
  });
}

// One computes, ten stand behind it, and one is in the kernel, on a thread without a P.
int queues() {
  return goro::run([] {
    goro::wait_group ended;
    ended.go([] {
      const timespec rest{.tv_sec = 0, .tv_nsec = 300'000'000};
      ::nanosleep(&rest, nullptr);
    });
    for (int i = 0; i < 11; ++i) {
      ended.go([] {
        for (const auto end = std::chrono::steady_clock::now() + 50ms;
             std::chrono::steady_clock::now() < end;) {
        }
      });
    }
    ended.wait();
  });
}

int counts_threads() {
  return goro::run([] {
    const auto all = std::filesystem::directory_iterator("/proc/self/task");
    std::printf("%td\n", std::distance(begin(all), end(all)));
  });
}

}  // namespace

int main(int argc, char** argv) {
  const std::map<std::string, std::function<int()>> cases{
      {"sleeps", sleeps}, {"loops", loops}, {"queues", queues}, {"counts_threads", counts_threads}};
  const auto chosen = cases.find(argc > 1 ? argv[1] : "");
  return chosen == cases.end() ? 64 : chosen->second();
}
