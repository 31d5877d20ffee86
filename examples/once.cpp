// Work that must be done exactly once, by whoever comes first: the others wait until it is done.

#include <atomic>
#include <cstdio>
#include <string>

#include <goro/goro.hpp>

namespace {

std::atomic<int> loads{0};

std::string load_settings() {
  loads.fetch_add(1);
  goro::this_goroutine::yield();  // slow work; the others come meanwhile, and wait
  return "colour=blue";
}

}  // namespace

int main() {
  return goro::run([] {
    const auto settings = goro::once_value(load_settings);  // loaded at the first call, by the first caller
    std::atomic<int> readers{0};

    goro::wait_group wg;
    for (int i = 0; i != 50; ++i) {
      wg.go([&readers, settings] {
        if (settings() == "colour=blue") readers.fetch_add(1);
      });
    }
    wg.wait();
    std::printf("%d readers saw the settings, which were loaded %d time(s)\n", readers.load(), loads.load());
  });
}
