// Threads are citizens: a plain std::thread uses the same channels, mutexes and wait_groups as a goroutine
// does.
//
// There a wait blocks that thread. So goroutines can be brought into a program that has threads of its own,
// one corner at a time; not even run() is needed, the runtime starts at its first use.

#include <cstdio>
#include <thread>

#include <goro/goro.hpp>

int main() {  // a plain main: it blocks like any other thread
  const goro::chan<int> questions;
  const goro::chan<int> answers;

  std::thread thread([=] {  // a thread that asks
    for (int n = 1; n <= 5; ++n) questions.send(n);
    questions.close();
  });
  goro::go([=] {  // a goroutine that answers
    for (const int n : questions) answers.send(n * n);
    answers.close();
  });

  for (const int a : answers) std::printf("%d\n", a);
  thread.join();
  std::printf("main is %s\n", goro::this_goroutine::id() == 0 ? "a plain thread" : "a goroutine");
}
