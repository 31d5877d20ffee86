// Chapter 7: patterns. Each of them is also a program of its own beside the folder of this tour.

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "tour.hpp"

namespace tour {

namespace {

using namespace std::chrono_literals;

void fire_and_forget() {
  say("fire and forget: start it and go on; nobody waits, nobody asks");
  // The counter is shared with goroutines that nobody joins, so it must outlive them: it lives as long as the
  // program.
  static std::atomic<int> events{0};
  events.store(0);
  for (int i = 0; i != 10; ++i) goro::go([] { events.fetch_add(1); });
  check(eventually([] { return events.load() == 10; }), "ten events were recorded, some time later");
}

void wait_for_completion() {
  say("wait for completion: a wait_group counts those at work; each writes to its own place, no lock is "
      "needed");
  std::vector<std::size_t> squares(100);
  goro::wait_group wg;
  for (std::size_t i = 0; i != squares.size(); ++i) {
    wg.go([i, &squares] { squares[i] = i * i; });
  }
  wg.wait();
  bool right = true;
  for (std::size_t i = 0; i != squares.size(); ++i) right = right && squares[i] == i * i;
  check(right, "after wait() all hundred results are there");
}

// A channel with ten places as a semaphore, and a hundred goroutines.
void pool_of_ten() {
  say("pool of 10: a channel with ten places is a semaphore; each of 100 goroutines takes one, works, gives "
      "it back");
  const goro::chan<goro::unit> places{10};
  std::atomic<int> inside{0};
  std::atomic<int> peak{0};
  std::atomic<int> done{0};
  goro::wait_group wg;
  for (int i = 0; i != 100; ++i) {
    wg.go([&] {
      places.send({});
      const goro::scope_exit leave([&] { places.recv(); });
      const int now = inside.fetch_add(1) + 1;
      int seen = peak.load();
      while (seen < now && !peak.compare_exchange_weak(seen, now)) {
      }
      for (int step = 0; step != 5; ++step) goro::this_goroutine::yield();
      inside.fetch_sub(1);
      done.fetch_add(1);
    });
  }
  wg.wait();
  say("most goroutines inside at the same moment: %d", peak.load());
  check(done.load() == 100, "all hundred have had their turn");
  check(peak.load() <= 10, "never more than ten at once");
  check(places.size() == 0, "every place was given back");
}

void fan_out_fan_in() {
  say("fan-out, fan-in: four workers receive from one channel and send to another; whoever knows all have "
      "ended closes");
  const goro::chan<int> numbers{16};
  const goro::chan<std::pair<int, int>> answers{16};  // the worker, the square
  goro::wait_group workers;
  for (int w = 0; w != 4; ++w) {
    workers.go([=] {
      for (const int n : numbers) {
        answers.send({w, n * n});
        goro::this_goroutine::yield();
      }
    });
  }
  goro::go([=] {
    for (int n = 1; n <= 1000; ++n) numbers.send(n);
    numbers.close();
  });
  goro::go([&workers, answers] {
    workers.wait();
    answers.close();
  });

  std::array<int, 4> share{};
  long sum = 0;
  for (const auto& [worker, square] : answers) {
    ++share.at(static_cast<std::size_t>(worker));
    sum += square;
  }
  say("the four took %d, %d, %d and %d of the thousand numbers", share[0], share[1], share[2], share[3]);
  check(sum == 333'833'500L, "each number was squared exactly once: the sum is 333833500");
}

// A stage: f(value) for each value, in order, in a goroutine of its own.
template <class F>
goro::recv_chan<long> stage(goro::recv_chan<long> in, F f) {
  goro::chan<long> out{4};
  goro::go([=] {
    for (const long v : in) out.send(f(v));
    out.close();
  });
  return out;
}

void pipeline() {
  say("pipeline: each stage is a goroutine between two channels; one that ends closes its output, and so "
      "ends the next");
  const goro::chan<long> source{4};
  goro::go([=] {
    for (long n = 1; n <= 500; ++n) source.send(n);
    source.close();
  });
  const auto doubled = stage(source, [](long v) { return v * 2; });
  const auto shifted = stage(doubled, [](long v) { return v + 1; });
  std::vector<long> out;
  for (const long v : shifted) out.push_back(v);
  check(out.size() == 500 && std::is_sorted(out.begin(), out.end()) && out.back() == 1001,
        "500 values came through three stages, in order");
}

void fan_in_with_select() {
  say("fan-in with select: one goroutine waits for whichever of several channels has something, or for the "
      "end of time");
  const goro::chan<int> left;
  const goro::chan<int> right;
  for (const auto& c : {left, right}) {
    goro::go([c] {
      for (int i = 1; i <= 100; ++i) c.send(i);
      c.close();
    });
  }
  goro::recv_case from_left{left};
  goro::recv_case from_right{right};
  const goro::timer limit(1h);
  goro::recv_case too_late{limit.c()};
  int sum = 0;
  while (from_left.armed() || from_right.armed()) {
    goro::select(from_left, from_right, too_late);
    if (too_late) break;
    goro::recv_case<int>& fired = from_left ? from_left : from_right;
    if (const std::optional<int> n = fired.take()) {
      sum += *n;
    } else {
      fired.disarm();  // closed: from now on only the others
    }
  }
  check(sum == 2 * 5050, "200 values came from two senders, each once");
}

// A pipeline without end, which stops when its context does.
void pipeline_that_is_cancelled() {
  say("a pipeline that a context cancels: every stage waits for its neighbour or for the end");
  const auto [ctx, cancel] = goro::with_cancel(goro::background());
  const goro::chan<long> numbers;
  goro::wait_group stages;
  stages.go([ctx = ctx, numbers] {
    for (long n = 1;; ++n) {
      goro::send_case next{numbers, n};
      goro::recv_case ended{ctx.done()};
      goro::select(next, ended);
      if (ended) return;
    }
  });
  long last = 0;
  while (last != 1000) last = *numbers.recv();
  cancel();
  stages.wait();
  check(last == 1000, "after 1000 values the reader had enough, and the endless stage ended");
}

}  // namespace

void chapter_patterns(const settings&) {
  fire_and_forget();
  wait_for_completion();
  pool_of_ten();
  fan_out_fan_in();
  pipeline();
  fan_in_with_select();
  pipeline_that_is_cancelled();
}

}  // namespace tour
