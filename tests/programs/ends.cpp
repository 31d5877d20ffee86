// Programs that end in the various regular ways: `ends CASE`.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>

#include <goro/diag.hpp>
#include <goro/goro.hpp>

namespace {

using namespace std::chrono_literals;

// Goroutines in every state, none of which will ever end. Their destructors must not run.
const goro::chan<int> never;
goro::mutex locked;
enum class company { all, only_blocked };
void start_company(company who = company::all) {
  struct loud {
    ~loud() { std::puts("a goroutine was unwound"); }
  };
  locked.lock();
  const auto forever = [](auto wait) {
    goro::go([wait] {
      const loud l;
      wait();
    });
  };
  for (int i = 0; i < 20; ++i) {
    forever([] { never.recv(); });
    forever([] { goro::sleep_for(1h); });
    forever([] { locked.lock(); });
    forever([] { goro::block_forever(); });
    if (who == company::only_blocked) continue;
    forever([] {
      for (;;) goro::this_goroutine::yield();
    });
  }
  // All of them wait: one that was about to use `never`, and not in goro yet, would use a destroyed channel.
  const auto waiting = [](const char* state) {
    std::size_t n = 0;
    for (const auto& g : goro::diag::goroutines()) n += g.state == state ? 1U : 0U;
    return n;
  };
  for (const char* state : {"chan receive", "sleep", "sync.Mutex.Lock", "select (no cases)"}) {
    while (waiting(state) < 20) goro::sleep_for(1ms);
  }
}

int main_returns() {
  return goro::run([] {
    start_company();
    return 7;
  });
}

int main_returns_beside_an_endless_loop() {
  goro::set_max_procs(goro::max_procs() + 1);
  return goro::run([] {
    start_company(company::only_blocked);
    goro::go([] {
      for (volatile int i = 0;;) i = i ^ 1;
    });
    goro::sleep_for(1ms);
    return 7;
  });
}

int without_run() {
  start_company();
  return 7;
}

int exit_in_main() {
  return goro::run([] {
    start_company();
    const goro::scope_exit deferred([] { std::puts("a deferred call ran"); });
    std::exit(5);
  });
}

int exit_in_a_goroutine() {
  return goro::run([] {
    start_company();
    const goro::scope_exit deferred([] { std::puts("a deferred call ran"); });
    goro::go([] {
      const goro::scope_exit also_deferred([] { std::puts("a deferred call ran"); });
      std::exit(5);
    });
    goro::block_forever();
  });
}

// A child has none of the machines, and does not wait for them. Here one is inside of the runtime.
int exit_in_a_forked_child() {
  return goro::run([] {
    goro::go([] {
      for (;;) goro::this_goroutine::yield();
    });
    const pid_t child = ::fork();
    if (child == 0) std::exit(6);
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
  });
}

int goroutine_exits() {
  return goro::run([] {
    goro::wait_group ended;
    ended.go([] { goro::this_goroutine::exit(); });
    ended.wait();
    return 3;
  });
}

// The others go on; when the last one has ended there is nobody left.
int main_exits() {
  return goro::run([] {
    goro::go([] {
      for (int i = 0; i < 10; ++i) goro::sleep_for(2ms);
      std::puts("the other has ended");
      std::fflush(stdout);
    });
    const goro::scope_exit deferred([] {
      std::puts("main was unwound");
      std::fflush(stdout);
    });
    goro::this_goroutine::exit();
  });
}

int second_run() {
  const int first = goro::run([] { return 20; });
  const int second = goro::run(goro::run_options{}.max_procs(3), [] { return goro::max_procs(); });
  return first + second;
}

// A static object that a goroutine has made, and uses until the end.
struct late_static {
  std::atomic<bool> destroyed{false};
  ~late_static() { destroyed = true; }
  void use() const {
    if (destroyed) std::abort();
  }
};

int late_static_in_use() {
  return goro::run([] {
    static const late_static object;
    for (int i = 0; i < 20; ++i) {
      goro::go([] {
        for (;;) {
          object.use();
          goro::this_goroutine::yield();
        }
      });
    }
    goro::sleep_for(5ms);
    return 7;
  });
}

int waits_while_the_process_ends() {
  std::atexit([] { goro::sleep_for(1ms); });  // before goro's own: called after it
  return goro::run([] { std::exit(7); });
}

// A static object that waits for its goroutine does so for ever; an alarm ends the process.
int static_object_joins() {
  static goro::task_group background;
  std::signal(SIGALRM, [](int) { ::_exit(8); });
  ::alarm(3);
  return goro::run([] {
    background.go([](const goro::context& ctx) { ctx.done().recv(); });
    goro::sleep_for(5ms);
    return 7;
  });
}

// The longest of sleeps is no deadlock; an alarm ends the process.
int sleeps_for_ever() {
  std::signal(SIGALRM, [](int) { ::_exit(7); });
  ::ualarm(100'000, 0);
  return goro::run([] { goro::sleep_for(std::chrono::hours::max()); });
}

const std::map<std::string, std::function<int()>> k_cases{
    {"late_static", late_static_in_use},
    {"waits_at_exit", waits_while_the_process_ends},
    {"static_object_joins", static_object_joins},
    {"sleeps_for_ever", sleeps_for_ever},
    {"main_returns", main_returns},
    {"main_returns_beside_a_loop", main_returns_beside_an_endless_loop},
    {"without_run", without_run},
    {"exit_in_main", exit_in_main},
    {"exit_in_a_forked_child", exit_in_a_forked_child},
    {"exit_in_a_goroutine", exit_in_a_goroutine},
    {"goroutine_exits", goroutine_exits},
    {"main_exits", main_exits},
    {"second_run", second_run},
};

// Destroyed after main, while goroutines still exist.
struct last_words {
  ~last_words() { std::puts("static destructors ran"); }
} const at_the_end;

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || !k_cases.contains(argv[1])) return 99;
  return k_cases.at(argv[1])();
}
