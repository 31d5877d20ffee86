// Finding a leak: a goroutine that waits for something that never comes is never freed. Give goroutines
// names, and let the runtime say who is still there and what each waits for.
//
// The classic: a search asks three servers, takes the first answer and leaves. With an unbuffered channel the
// two slower goroutines block for ever in their send. A buffer with room for all answers mends it.

#include <cstddef>
#include <cstdio>

#include <goro/diag.hpp>
#include <goro/goro.hpp>

namespace {

int first_answer(const goro::chan<int>& answers) {
  for (int server = 1; server <= 3; ++server) {
    goro::go(goro::go_options{}.name("search"), [=] { answers.send(server); });
  }
  return answers.recv().value();
}

struct census {
  std::size_t all = 0;
  std::size_t blocked = 0;  // in a send
};

census count_searches() {
  census c;
  for (const auto& g : goro::diag::goroutines()) {
    if (g.name != "search") continue;
    ++c.all;
    if (g.state == "chan send") ++c.blocked;
  }
  return c;
}

// Lets the others run until as many searches are left as are expected, and all of those are blocked.
void report(const char* when, std::size_t expected) {
  census c = count_searches();
  while (c.all != expected || c.blocked != expected) {
    goro::this_goroutine::yield();
    c = count_searches();
  }
  std::printf("%s: %zu searches are left, blocked in a send: %zu\n", when, c.all, c.blocked);
}

}  // namespace

int main() {
  return goro::run([] {
    const goro::chan<int> roomy{3};
    first_answer(roomy);
    report("with a buffer", 0);

    const goro::chan<int> narrow;
    first_answer(narrow);
    report("without a buffer", 2);

    narrow.recv();  // taking the answers that nobody wanted sets the two free
    narrow.recv();
    report("after taking the rest", 0);
  });
}
