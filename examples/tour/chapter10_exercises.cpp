// Chapter 10: the five exercises, solved. Each is also a program of its own: examples/exercise*.cpp.

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <set>
#include <string>

#include "tour.hpp"

namespace tour {

namespace {

void unique_numbers() {
  say("1. Five goroutines, each with a number of its own.");
  const goro::chan<int> numbers;
  for (int i = 1; i <= 5; ++i) {
    goro::go([i, numbers] { numbers.send(i); });
  }
  std::set<int> seen;
  std::string order;
  for (int i = 0; i != 5; ++i) {
    const int n = numbers.recv().value();
    seen.insert(n);
    order += " " + std::to_string(n);
  }
  say("   they came in this order:%s", order.c_str());
  check(seen == std::set<int>{1, 2, 3, 4, 5}, "each number came exactly once");
}

void wait_for_three() {
  say("2. A wait_group over three goroutines.");
  std::array<bool, 3> finished{};
  goro::wait_group wg;
  for (std::size_t i = 0; i != finished.size(); ++i) {
    wg.add();
    goro::go([i, &finished, &wg] {
      const goro::scope_exit done([&wg] { wg.done(); });
      goro::sleep_for(std::chrono::milliseconds(2 * (3 - i)));
      finished[i] = true;
    });
  }
  wg.wait();
  check(finished[0] && finished[1] && finished[2], "after wait() all three have finished, the slow one too");
}

void three_workers_ten_jobs() {
  say("3. Three workers, ten jobs.");
  struct outcome {
    int worker;
    int job;
    int result;
  };
  const goro::chan<int> jobs;
  const goro::chan<outcome> outcomes;
  for (int w = 0; w != 3; ++w) {
    goro::go([=] {
      for (const int job : jobs) {
        goro::this_goroutine::yield();
        outcomes.send({w, job, job * job});
      }
    });
  }
  goro::go([=] {
    for (int j = 0; j != 10; ++j) jobs.send(j);
    jobs.close();
  });
  std::array<std::string, 3> done_by;
  std::set<int> jobs_done;
  bool right = true;
  for (int i = 0; i != 10; ++i) {
    const outcome o = outcomes.recv().value();
    right = right && o.result == o.job * o.job;
    jobs_done.insert(o.job);
    done_by.at(static_cast<std::size_t>(o.worker)) += " " + std::to_string(o.job);
  }
  for (std::size_t w = 0; w != done_by.size(); ++w) say("   worker %zu did%s", w + 1, done_by.at(w).c_str());
  check(right && jobs_done.size() == 10, "ten jobs were done, each once, with the right result");
}

void two_over_a_channel() {
  say("4. Two goroutines that talk over a channel.");
  const goro::chan<std::string> words;
  auto listener = goro::async([words] {
    std::string sentence;
    for (const std::string& w : words) sentence += sentence.empty() ? w : " " + w;
    return sentence;
  });
  goro::go([words] {
    for (const char* w : {"share", "memory", "by", "communicating"}) words.send(w);
    words.close();
  });
  const std::string heard = listener.get();
  say("   \"%s\"", heard.c_str());
  check(heard == "share memory by communicating", "every word arrived, in order");
}

// A worker that obeys commands between two steps of its work, and answers each.
class worker {
 public:
  enum class command { pause, resume, stop };

  void start() {
    running_.go([this] { run(); });
  }
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
        steps_.fetch_add(1);
        goro::this_goroutine::yield();
      }
    }
  }

  goro::chan<command> commands_{1};
  goro::chan<goro::unit> obeyed_;
  goro::wait_group running_;
  std::atomic<long> steps_{0};
};

// Whether w makes a step while the others get a hundred turns.
bool moves(const worker& w) {
  const long before = w.steps();
  for (int i = 0; i != 100 && w.steps() == before; ++i) goro::this_goroutine::yield();
  return w.steps() != before;
}

void start_pause_resume_stop() {
  say("5. Start, pause, resume, stop.");
  worker w;
  w.start();
  check(eventually([&w] { return w.steps() > 0; }), "started: it works");
  w.tell(worker::command::pause);
  check(!moves(w), "paused: it makes no step");
  const long before = w.steps();
  w.tell(worker::command::resume);
  check(eventually([&] { return w.steps() > before; }), "resumed: it works again");
  w.tell(worker::command::stop);
  check(!moves(w), "stopped: it has ended");
}

}  // namespace

void chapter_exercises(const settings&) {
  unique_numbers();
  wait_for_three();
  three_workers_ten_jobs();
  two_over_a_channel();
  start_pause_resume_stop();
}

}  // namespace tour
