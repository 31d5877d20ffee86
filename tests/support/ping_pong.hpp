// Two goroutines that talk, beside what a test does.
#pragma once

#include <atomic>

#include <goro/goro.hpp>

namespace goro_test {

// Two goroutines that hand a number to and fro until they are stopped.
class ping_pong {
 public:
  ping_pong() {
    ended_.go([there = there_, back = back_] {
      for (const int n : there) back.send(n + 1);
    });
    ended_.go([this] {
      while (!stop_) {
        there_.send(rounds_);
        rounds_ = *back_.recv();
      }
      there_.close();
    });
  }
  ~ping_pong() { stop(); }
  ping_pong(const ping_pong&) = delete;
  ping_pong& operator=(const ping_pong&) = delete;

  // How many rounds there were.
  int stop() {
    stop_ = true;
    ended_.wait();
    return rounds_;
  }

 private:
  std::atomic<bool> stop_{false};
  const goro::chan<int> there_;
  const goro::chan<int> back_;
  int rounds_ = 0;
  goro::wait_group ended_;
};

}  // namespace goro_test
