// Exercise 5: a goroutine that can be started, paused, resumed and stopped.
//
// Nobody can pause a goroutine from outside: it pauses itself when it is told to. The worker looks at its
// channel of commands between two steps of work (try_recv: do not wait), and while it is paused it waits
// there (recv: do wait), which costs nothing. It answers each command, so the caller knows that it has been
// obeyed.

#include <atomic>
#include <cstdio>

#include <goro/goro.hpp>

namespace {

enum class command { pause, resume, stop };

class worker {
 public:
  void start() {
    running_.go([this] { run(); });
  }
  // Returns when the worker has obeyed.
  void tell(command c) {
    commands_.send(c);
    obeyed_.recv();
    if (c == command::stop) running_.wait();
  }
  long steps() const { return steps_.load(); }

 private:
  void run() {
    bool paused = false;
    for (;;) {
      if (paused || commands_.size() != 0) {
        const command c = commands_.recv().value();
        paused = c == command::pause;
        obeyed_.send({});
        if (c == command::stop) return;
      } else {
        steps_.fetch_add(1);  // one step of work
        goro::this_goroutine::yield();
      }
    }
  }

  goro::chan<command> commands_{1};
  goro::chan<goro::unit> obeyed_;
  goro::wait_group running_;
  std::atomic<long> steps_{0};
};

// Whether the worker makes a step while others get their turn a hundred times; returns early when it does.
bool makes_progress(const worker& w) {
  const long before = w.steps();
  for (int i = 0; i != 100 && w.steps() == before; ++i) goro::this_goroutine::yield();
  return w.steps() != before;
}

}  // namespace

int main() {
  return goro::run([] {
    worker w;
    w.start();
    while (w.steps() == 0) goro::this_goroutine::yield();
    std::puts("started");

    w.tell(command::pause);
    std::printf("paused: %s\n", makes_progress(w) ? "it works on" : "no step is made");

    w.tell(command::resume);
    const long before = w.steps();
    while (w.steps() == before) goro::this_goroutine::yield();
    std::puts("resumed: it works again");

    w.tell(command::stop);
    std::printf("stopped: %s\n", makes_progress(w) ? "it works on" : "no step is made");
  });
}
