// What the chapters of the tour share: printing, checking, and a few small tools.
//
// A chapter prints what it does with say(), and checks its own results with check(): a wrong one makes the
// program end with exit code 1.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <filesystem>

#include <goro/goro.hpp>

namespace tour {

// Of the last chapter.
struct settings {
  std::filesystem::path folder{};  // its input
  std::filesystem::path trace{};   // the file that it records a trace of itself in; empty: none
  int seconds = 0;                 // counts again and again, for at least so long
};

// Prints one line of text. Like printf, without the newline.
[[gnu::format(printf, 1, 2)]] void say(const char* format, ...);

// Prints the claim and whether it holds. A claim that does not is counted.
void check(bool holds, const char* claim);

// How many checks have failed so far.
int wrong_results();

// How long f takes, in seconds.
template <std::invocable F>
double seconds(F&& f) {
  const auto start = goro::clock::now();
  f();
  return std::chrono::duration<double>(goro::clock::now() - start).count();
}

// Waits until the predicate is true, giving the others their turn; false if that takes longer than 20
// seconds.
template <std::predicate P>
bool eventually(P&& predicate) {
  const auto deadline = goro::clock::now() + std::chrono::seconds(20);
  while (!predicate()) {
    if (goro::clock::now() > deadline) return false;
    goro::this_goroutine::yield();
    goro::sleep_for(std::chrono::microseconds(100));
  }
  return true;
}

// Sets the number of Ps for the length of a scope.
class procs_scope {
 public:
  explicit procs_scope(int n) : former_(goro::set_max_procs(n)) {}
  ~procs_scope() { goro::set_max_procs(former_); }
  procs_scope(const procs_scope&) = delete;
  procs_scope& operator=(const procs_scope&) = delete;

 private:
  int former_;
};

// n, or a part of it in a build with a sanitizer, where everything takes many times as long.
std::size_t scaled(std::size_t n);

// True where times mean something: not in a build with a sanitizer.
bool times_count();

// The number of threads of this process, and its resident memory in bytes, as the kernel sees them.
std::size_t count_threads();
std::size_t resident_bytes();

// Records what the scheduler does while a small program runs, into a file that stays there.
void record_a_trace();

// Recurses until about n bytes of stack are used, all of them touched; how many calls that took.
std::size_t dive(std::size_t n);

// Starts this program once more with k_overflow_flag, and shows what it says.
void overflow_is_reported();
inline constexpr const char* k_overflow_flag = "--overflow";
int overflow_on_purpose();  // what it does then

void chapter_what(const settings&);
void chapter_lifecycle(const settings&);
void chapter_model(const settings&);
void chapter_stacks(const settings&);
void chapter_scheduling(const settings&);
void chapter_performance(const settings&);
void chapter_patterns(const settings&);
void chapter_best_practices(const settings&);
void chapter_pitfalls(const settings&);
void chapter_exercises(const settings&);
void chapter_word_count(const settings&);

}  // namespace tour
