// Bugs that the sanitizers find in goroutines as they do in threads, and a program that has none: `bugs
// CASE`. (Races are in races.cpp.)
#include <array>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>

#include <goro/goro.hpp>
#include <goro/net.hpp>

namespace {

// Keeps the compiler from seeing what comes.
template <class T>
T unknown(T value) {
  asm volatile("" : "+r"(value));
  return value;
}

// In a goroutine that has been parked, so that it has left its stack and come back.
void after_a_park(const std::function<void()>& bug) {
  goro::run([&] {
    const goro::chan<int> ball;
    goro::wait_group ended;
    ended.go([&] {
      ball.recv();
      bug();
    });
    ball.send(1);
    ended.wait();
  });
}

void use_after_free() {
  auto owner = std::make_unique<int>(1);
  int* p = unknown(owner.get());
  owner.reset();
  std::printf("%d\n", *p);
}
void heap_overflow() {
  const auto array = std::make_unique<int[]>(10);
  std::printf("%d\n", array[static_cast<std::size_t>(unknown(10))]);
}
void stack_overflow_of_an_array() {
  std::array<int, 10> array{};
  int* p = unknown(array.data());
  p[unknown(10)] = 1;
}
void use_after_scope() {
  int* p = nullptr;
  {
    int gone = 1;
    p = unknown(&gone);
  }
  *unknown(p) = 2;
}
void uninitialised() {
  const std::unique_ptr<int> nobody_has_set(new int);
  if (*unknown(nobody_has_set.get()) == 1) std::puts("one");
}
void leak() { *unknown(new int(1)) = 2; }
void signed_overflow() { std::printf("%d\n", unknown(INT_MAX) + unknown(1)); }

// Everything that moves a goroutine's stack pointer, at once.
[[gnu::noinline]] int dive(int depth) {
  std::array<char, 500> frame{};
  frame[static_cast<std::size_t>(depth % 500)] = 1;
  asm volatile("" : : "r"(frame.data()) : "memory");
  if (depth == 0) {
    goro::this_goroutine::yield();
    throw std::runtime_error("at the bottom");
  }
  return dive(depth - 1) + frame[0];
}
void no_bug() {
  goro::wait_group ended;
  const goro::chan<int> results{10};
  for (int g = 0; g < 200; ++g) {
    ended.go([results, g] {
      try {
        static_cast<void>(dive(50 + g % 50));
      } catch (const std::runtime_error&) {
        goro::this_goroutine::yield();  // with an exception in hand
        results.send(g);
      }
      if (g % 3 == 0) goro::this_goroutine::exit();  // unwinds
      results.recv();
    });
  }
  for (int i = 0; i < 67; ++i) results.recv();  // those who have left without
  ended.wait();
}

// Goroutines that are still there at the end hold the only pointers to memory in all the places that there
// are: their frames, deep down too, what they were started with, small or large, what is theirs alone, the
// channel that they wait for, functions of timers, many of them. Nothing of it is lost.
void parked_at_the_end() {
  using owner = std::unique_ptr<int>;
  static goro::goroutine_local<owner> of_goroutine;
  const goro::chan<owner> buffered{1};
  goro::wait_group waiting;
  for (int i = 0; i < 100; ++i) {
    waiting.add(1);
    goro::go([&waiting, i, captured = std::make_unique<int>(i)] {
      std::function<void(int)> descend = [&](int depth) {
        const auto in_frame = std::make_unique<int>(depth);
        static_cast<void>(unknown(&in_frame));
        if (depth != 0) return descend(depth - 1);
        *of_goroutine = std::make_unique<int>(i);
        const goro::chan<owner> mine{1};
        mine.send(std::make_unique<int>(i));
        waiting.done();
        goro::block_forever();
      };
      descend(i);
    });
    goro::go([captured = std::make_unique<int>(i), large = std::array<int, 100>()] {
      goro::chan<int>().recv();
      std::printf("%d %d\n", *captured, large[0]);
    });
    goro::go([captured = std::make_unique<int>(i)] { goro::sleep_for(std::chrono::hours(1)); });
  }
  buffered.send(std::make_unique<int>(1));
  goro::go([buffered] { goro::block_forever(); });
  for (int i = 0; i < 10'000; ++i)
    goro::after_func(std::chrono::hours(1), [captured = std::make_shared<int>(i)] {});
  waiting.wait();
}

void network() {
  auto listener = goro::net::listen("127.0.0.1:0").value();
  goro::wait_group server;
  server.go([&listener] {
    while (auto conn = listener.accept()) {
      std::array<std::byte, 100> buffer;
      while (const auto r = conn->read(buffer)) {
        if (r.n == 0 || !conn->write(std::span(buffer).first(r.n))) break;
      }
    }
  });
  for (int i = 0; i < 10; ++i) {
    auto conn = goro::net::dial(goro::background(), to_string(listener.local())).value();
    conn.set_deadline(goro::clock::now() + std::chrono::seconds(20));
    std::array<std::byte, 5> buffer;
    if (!conn.write("hello") || conn.read(buffer).n != 5) std::abort();
  }
  listener.close();
  server.wait();
}

const std::map<std::string, std::function<void()>> k_cases{
    {"use_after_free", use_after_free},
    {"heap_overflow", heap_overflow},
    {"stack_overflow_of_an_array", stack_overflow_of_an_array},
    {"use_after_scope", use_after_scope},
    {"signed_overflow", signed_overflow},
    {"uninitialised", uninitialised},
    {"leak", leak},
    {"network", network},
    {"no_bug", no_bug},
    {"parked_at_the_end", parked_at_the_end},
};

}  // namespace

int main(int argc, char** argv) {
  const auto found = k_cases.find(argc == 2 ? argv[1] : "");
  if (found == k_cases.end()) return 99;
  after_a_park(found->second);
  return 7;
}
