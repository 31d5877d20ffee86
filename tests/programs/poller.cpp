// Programs in which everybody waits, and something from outside may come, or not: `poller CASE`.
//
// What comes comes from a child process, so that no thread or timer of this one keeps a deadlock from being
// found.
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <map>
#include <string>
#include <thread>

#include <goro/goro.hpp>
#include <goro/net.hpp>
#include <goro/signal.hpp>

namespace {

using namespace std::chrono_literals;
using goro::net::file_conn;

// Long enough for a deadlock to be found.
constexpr timespec k_while{.tv_sec = 0, .tv_nsec = 300'000'000};

// A child does that after a while. To be called before goro has any threads.
template <class F>
void later(F&& f) {
  if (::fork() != 0) return;
  ::nanosleep(&k_while, nullptr);
  f();
  ::_exit(0);
}

// A pipe into which something is written after a while.
int slow_pipe() {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) std::_Exit(98);
  later([&] { static_cast<void>(!::write(ends[1], "x", 1)); });
  return ends[0];
}

char read_one(goro::net::conn& c) {
  std::byte b{};
  const goro::io_result r = c.read({&b, 1});
  return r.n == 1 ? static_cast<char>(b) : '-';
}

int a_goroutine_waits_for_input() {
  const int from = slow_pipe();
  return goro::run([from] {
    const goro::chan<char> got;
    goro::go([from, got] {
      auto c = file_conn::adopt(from).value();
      got.send(read_one(c));
    });
    return got.recv() == 'x' ? 7 : 1;
  });
}

int the_main_goroutine_waits_for_input() {
  const int from = slow_pipe();
  return goro::run([from] { return goro::net::wait_readable(from) ? 1 : 7; });
}

int a_plain_thread_waits_for_input() {
  const int from = slow_pipe();
  goro::go([] { goro::block_forever(); });
  return goro::net::wait_readable(from) ? 1 : 7;
}

int signals_are_registered() {
  const pid_t self = ::getpid();
  std::signal(SIGUSR1, SIG_IGN);
  later([self] { ::kill(self, SIGUSR1); });
  return goro::run([] {
    const goro::chan<int> got{1};
    const auto s = goro::notify(got, {SIGUSR1});
    return got.recv() == SIGUSR1 ? 7 : 1;
  });
}

int a_context_waits_for_a_signal() {
  const pid_t self = ::getpid();
  later([self] { ::kill(self, SIGUSR1); });
  return goro::run([] {
    const auto [ctx, cancel] = goro::notify_context(goro::background(), {SIGUSR1});
    ctx.done().recv();
    return 7;
  });
}

int nobody_waits_for_an_idle_listener() {
  return goro::run([] {
    auto listener = goro::net::listen("127.0.0.1:0").value();
    goro::chan<int>().recv();
    return 1;
  });
}

int after_input_has_come() {
  return goro::run([] {
    auto ends = file_conn::pipe().value();
    goro::go([&] { static_cast<void>(ends.second.write("x")); });
    read_one(ends.first);
    goro::chan<int>().recv();
    return 1;
  });
}

int after_close() {
  return goro::run([] {
    auto ends = file_conn::pipe().value();
    goro::go([&] { read_one(ends.first); });
    goro::sleep_for(5ms);
    static_cast<void>(ends.first.close());
    goro::chan<int>().recv();
    return 1;
  });
}

int after_a_deadline() {
  return goro::run([] {
    auto ends = file_conn::pipe().value();
    static_cast<void>(ends.first.set_deadline(goro::clock::now() + 5ms));
    read_one(ends.first);
    goro::chan<int>().recv();
    return 1;
  });
}

int after_stop() {
  return goro::run([] {
    const goro::chan<int> got{1};
    auto s = goro::notify(got, {SIGUSR1});
    s.stop();
    got.recv();
    return 1;
  });
}

int after_assignment() {
  return goro::run([] {
    const goro::chan<int> got{1};
    auto s = goro::notify(got, {SIGUSR1});
    s = goro::signal_subscription();
    got.recv();
    return 1;
  });
}

int a_stopped_signal_ends_the_process() {
  return goro::run([] {
    const goro::chan<int> got{1};
    {
      const auto s = goro::notify(got, {SIGTERM});
      std::raise(SIGTERM);
      got.recv();
    }
    std::raise(SIGTERM);
    return 1;
  });
}

// A thread of its own, whose death by SIGPIPE would be the process's.
int sigpipe() {
  return goro::run([] {
    auto ends = file_conn::pipe().value();
    static_cast<void>(ends.first.close());
    auto pair = goro::net::unix_conn::pair().value();
    static_cast<void>(pair.first.close());
    const bool both = ends.second.write("x").err == std::errc::broken_pipe &&
                      pair.second.write("x").err == std::errc::broken_pipe;
    return both ? 7 : 1;
  });
}

const std::map<std::string, std::function<int()>> k_cases{
    {"a_goroutine_waits_for_input", a_goroutine_waits_for_input},
    {"the_main_goroutine_waits_for_input", the_main_goroutine_waits_for_input},
    {"a_plain_thread_waits_for_input", a_plain_thread_waits_for_input},
    {"signals_are_registered", signals_are_registered},
    {"a_context_waits_for_a_signal", a_context_waits_for_a_signal},
    {"nobody_waits_for_an_idle_listener", nobody_waits_for_an_idle_listener},
    {"after_input_has_come", after_input_has_come},
    {"after_close", after_close},
    {"after_a_deadline", after_a_deadline},
    {"after_stop", after_stop},
    {"after_assignment", after_assignment},
    {"a_stopped_signal_ends_the_process", a_stopped_signal_ends_the_process},
    {"sigpipe", sigpipe},
};

}  // namespace

int main(int argc, char** argv) {
  const auto found = k_cases.find(argc == 2 ? argv[1] : "");
  return found == k_cases.end() ? 99 : found->second();
}
