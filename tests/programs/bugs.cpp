// Bugs that the sanitizers find in goroutines as they do in threads, and a program that has none: `bugs
// CASE`. (Races are in races.cpp.)
#include <array>
#include <climits>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>

#include <goro/goro.hpp>

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
  array[static_cast<std::size_t>(unknown(10))] = 1;
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

const std::map<std::string, std::function<void()>> k_cases{
    {"use_after_free", use_after_free},
    {"heap_overflow", heap_overflow},
    {"stack_overflow_of_an_array", stack_overflow_of_an_array},
    {"use_after_scope", use_after_scope},
    {"signed_overflow", signed_overflow},
    {"no_bug", no_bug},
};

}  // namespace

int main(int argc, char** argv) {
  const auto found = k_cases.find(argc == 2 ? argv[1] : "");
  if (found == k_cases.end()) return 99;
  after_a_park(found->second);
  return 7;
}
