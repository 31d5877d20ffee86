// Shared memory, guarded: a hundred goroutines count words into one map under a goro::mutex.
//
// goro::mutex works with std::lock_guard and its kin. It parks the goroutine and not the thread, so it may be
// held across a channel operation, where a std::mutex must not be. Keep the locked part short all the same,
// and let the lock live beside what it guards, in a class that hands out nothing unguarded.

#include <cstdio>
#include <map>
#include <mutex>
#include <string>

#include <goro/goro.hpp>

namespace {

class word_map {
 public:
  void add(const std::string& word) {
    const std::lock_guard lock(mutex_);
    ++counts_[word];
  }
  std::map<std::string, int> snapshot() const {
    const std::lock_guard lock(mutex_);
    return counts_;
  }

 private:
  mutable goro::mutex mutex_;
  std::map<std::string, int> counts_;
};

}  // namespace

int main() {
  return goro::run([] {
    word_map words;
    goro::wait_group wg;
    for (int g = 0; g != 100; ++g) {
      wg.go([&words, g] {
        for (int i = 0; i != 100; ++i) {
          words.add(i % 2 == 0 ? "even" : "odd");
          if (i % 10 == g % 10) goro::this_goroutine::yield();
        }
        words.add("finished");
      });
    }
    wg.wait();
    for (const auto& [word, count] : words.snapshot()) std::printf("%s %d\n", word.c_str(), count);
  });
}
