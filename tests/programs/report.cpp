// Programs that report on their goroutines: `report CASE`. The tests look at stderr and at how they end.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <goro/diag.hpp>
#include <goro/goro.hpp>
#include <goro/signal.hpp>

namespace report {

using namespace std::chrono_literals;

constexpr int k_crowd = 30;

std::string state_of(const std::string& name) {
  for (const auto& g : goro::diag::goroutines()) {
    if (g.name == name) return g.state;
  }
  return {};
}

// Until each of them waits for what it is to wait for.
void await(const std::string& name, const std::string& state) {
  while (state_of(name) != state) std::this_thread::sleep_for(1ms);
}

[[gnu::noinline]] int receive_deep_down(goro::chan<int> c, int depth) {
  if (depth == 0) return c.recv().value_or(0) + 1;
  return receive_deep_down(std::move(c), depth - 1) + 1;
}

[[gnu::noinline]] void receiver(goro::chan<int> c) {
  if (receive_deep_down(std::move(c), 3) == 0) std::puts("never");
}

[[gnu::noinline]] void throw_deep_down(int depth) {
  if (depth == 0) throw std::runtime_error("boom");
  throw_deep_down(depth - 1);
  std::puts("never");
}

[[gnu::noinline]] void compute() {
  for (volatile unsigned n = 0;;)
    n = n + 1;  // a compiler may take a loop without an effect for one that ends
}

// Some who wait, of whom reports are to tell.
void start_others() {
  static const goro::chan<int> never;
  goro::go(goro::go_options{}.name("other"), [] { receiver(never); });
  for (int i = 0; i < k_crowd; ++i) {
    goro::go([] {
      receiver(never);
      std::puts("never");
    });
  }
  await("other", "chan receive");
  for (;;) {
    int n = 0;
    for (const auto& g : goro::diag::goroutines()) n += g.state == "chan receive";
    if (n == k_crowd + 1) return;
    std::this_thread::sleep_for(1ms);
  }
}

void panic_among_others() {
  start_others();
  goro::go(goro::go_options{}.name("guilty"), [] {
    const goro::scope_exit deferred([] { std::puts("deferred call ran"), std::fflush(stdout); });
    throw_deep_down(3);
  });
  goro::block_forever();
}

void fatal_among_others() {
  start_others();
  goro::go(goro::go_options{}.name("guilty"), [] {
    goro::mutex m;
    m.unlock();
  });
  goro::block_forever();
}

void deadlock() {
  start_others();
  goro::block_forever();
}

// --- SIGQUIT ---

// To the process, as a terminal sends it, from a thread that does not take it itself. ThreadSanitizer keeps a
// signal back until its thread calls something that the tool watches: there the sender takes it.
void ask_what_it_does() {
#if defined(__SANITIZE_THREAD__)
  std::thread([] { ::raise(SIGQUIT); }).join();
#else
  std::thread([] {
    sigset_t quit;
    ::sigemptyset(&quit);
    ::sigaddset(&quit, SIGQUIT);
    ::pthread_sigmask(SIG_BLOCK, &quit, nullptr);
    ::kill(::getpid(), SIGQUIT);
  }).join();
#endif
}

void quit_while_all_wait() {
  start_others();
  ask_what_it_does();
  goro::sleep_for(1h);
}

void quit_while_all_compute() {
  start_others();
  for (int i = 1; i < 2 * goro::max_procs() && i < 8; ++i)
    goro::go(goro::go_options{}.name("computes"), compute);
  ask_what_it_does();
  compute();
}

void quit_while_main_has_no_goroutine() {
  goro::go(goro::go_options{}.name("other"), [] {
    goro::sleep_for(1h);
    std::puts("never");
  });
  await("other", "sleep");
  std::mutex m;
  m.lock();
  std::thread([] {
    std::this_thread::sleep_for(50ms);  // it may be in the lock by then, and need not be
    ask_what_it_does();
  }).detach();
  m.lock();  // for ever
}

void quit_is_the_programs() {
  const goro::chan<int> quits{1};
  {
    const auto subscription = goro::notify(quits, {SIGQUIT});
    ::raise(SIGQUIT);
    quits.recv();
    std::fputs("notified\n", stderr);
  }
  start_others();
  ask_what_it_does();
  goro::sleep_for(1h);
}

void quit_has_a_handler() {
  std::signal(SIGQUIT, [](int) { ::_exit(7); });
  ::raise(SIGQUIT);
  goro::sleep_for(1h);
}

void quit_is_ignored() {
  ::raise(SIGQUIT);
  std::puts("went on");
}

void quit_in_a_child() {
  std::fflush(stdout);
  if (const pid_t child = ::fork(); child == 0) {
    ::raise(SIGQUIT);
    ::_exit(0);
  } else {
    int status = 0;
    ::waitpid(child, &status, 0);
    std::printf("ended by signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  }
}

// Nobody reads what it writes, so the report does not come to an end.
void quit_twice() {
  int ends[2];
  if (::pipe(ends) != 0) return;
  ::dup2(ends[1], STDERR_FILENO);
  ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
  while (::write(ends[1], "x", 1) > 0) {
  }
  ::fcntl(ends[1], F_SETFL, 0);
  ::raise(SIGQUIT);
  std::this_thread::sleep_for(50ms);
  std::puts("still there");
  std::fflush(stdout);
  ::raise(SIGQUIT);
  goro::sleep_for(1h);
}

void threads_lock() {
  goro::go(goro::go_options{}.name("locked"), [] {
    const goro::os_thread_lock lock;
    goro::sleep_for(1h);
  });
  await("locked", "sleep");
  goro::diag::dump_goroutines(std::cerr);
}

// What keeps a call from becoming a jump, or a recursion from becoming a loop.
void come_back_here() { asm volatile("" ::: "memory"); }

[[gnu::noinline]] int park_at_the_end(const goro::chan<int>& c, int depth) {
  const int n = depth == 0 ? c.recv().value_or(0) : park_at_the_end(c, depth - 1);
  come_back_here();
  return n;
}

void deep_stack() {
  const goro::chan<int> never;
  // AddressSanitizer makes frames larger, and the limit where it runs is 256 KB.
  const auto options = goro::go_options{}.name("deep").stack(4 << 20);
  goro::go(options, [never] { std::printf("%d\n", park_at_the_end(never, 1000)); });
  await("deep", "chan receive");
  goro::diag::dump_goroutines(std::cerr);
}

// More than there are stacks looked at.
void multitude() {
  const goro::chan<int> never;
  for (int i = 0; i < 12'000; ++i) goro::go([never] { never.recv(); });
  while (goro::goroutine_count() != 12'001) std::this_thread::sleep_for(1ms);
  goro::this_goroutine::yield();
  goro::diag::dump_goroutines(std::cerr);
}

void dump() {
  start_others();
  goro::diag::dump_goroutines(std::cerr);
}

const std::map<std::string, std::function<void()>> k_cases{
    {"panic", panic_among_others},
    {"fatal", fatal_among_others},
    {"deadlock", deadlock},
    {"quit_waiting", quit_while_all_wait},
    {"quit_computing", quit_while_all_compute},
    {"quit_notified", quit_is_the_programs},
    {"quit_handled", quit_has_a_handler},
    {"quit_ignored", quit_is_ignored},
    {"quit_child", quit_in_a_child},
    {"quit_twice", quit_twice},
    {"locked", threads_lock},
    {"dump", dump},
    {"deep", deep_stack},
    {"multitude", multitude},
};

}  // namespace report

int main(int argc, char** argv) {
  if (argc != 2) return 99;
  const rlimit no_core{.rlim_cur = 0, .rlim_max = 0};  // whoever dies by a signal leaves nothing behind
  ::setrlimit(RLIMIT_CORE, &no_core);
  const std::string name = argv[1];
  if (name == "quit_thread") return report::quit_while_main_has_no_goroutine(), 1;
  if (!report::k_cases.contains(name)) return 99;
  if (name == "quit_ignored") std::signal(SIGQUIT, SIG_IGN);
  return goro::run(report::k_cases.at(name));
}
