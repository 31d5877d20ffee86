// `hand_off CASE`: goroutines that block or compute, in programs whose end, or whose words, are what is
// looked at.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <map>
#include <string>
#include <thread>

#include <goro/goro.hpp>

namespace {

using namespace std::chrono_literals;

void block_thread(std::chrono::milliseconds d) {
  timespec rest{.tv_sec = d.count() / 1000, .tv_nsec = d.count() % 1000 * 1'000'000};
  while (::nanosleep(&rest, &rest) != 0) {
  }
}

void compute(std::chrono::milliseconds d) {
  const auto end = std::chrono::steady_clock::now() + d;
  while (std::chrono::steady_clock::now() < end) {
  }
}

// More goroutines block than the program may have threads.
int exhausts_threads() {
  return goro::run([] {
    goro::set_max_threads(20);
    for (int i = 0; i < 100; ++i) goro::go([] { block_thread(10s); });
    goro::sleep_for(10s);
  });
}

// Two from one place: one line.
int blocks() {
  return goro::run([] {
    goro::wait_group ended;
    for (int i = 0; i < 2; ++i) {
      ended.add();
      goro::go(goro::go_options{}.name("sleepy"), [&ended] {
        block_thread(300ms);
        ended.done();
      });
    }
    ended.wait();
  });
}

int computes() {
  return goro::run([] {
    goro::wait_group ended;
    ended.add(2);
    for (int i = 0; i < 2; ++i) {
      goro::go([&ended] {
        compute(400ms);
        ended.done();
      });
    }
    for (int i = 0; i < 10; ++i) goro::sleep_for(5ms);
    ended.wait();
  });
}

// Announced, so nobody is told.
int blocks_announced() {
  return goro::run([] { goro::blocking([] { block_thread(300ms); }); });
}

int exit_code_of(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

int child_goes_on_in_a_goroutine() {
  return goro::run([] {
    const pid_t child = ::fork();
    if (child == 0) {
      goro::chan<int>{}.recv();
      ::_exit(97);
    }
    return exit_code_of(child);
  });
}

int child_of_a_thread_starts_a_goroutine() {
  goro::run([] {});
  const pid_t child = ::fork();
  if (child == 0) {
    goro::go([] {});
    ::_exit(97);
  }
  return exit_code_of(child);
}

int child_of_a_thread_waits() {
  goro::run([] {});
  const pid_t child = ::fork();
  if (child == 0) {
    goro::chan<int>{}.recv();
    ::_exit(97);
  }
  return exit_code_of(child);
}

int child_executes_another_program() {
  return goro::run([] {
    const pid_t child = ::fork();
    if (child == 0) {
      ::execl("/bin/sh", "sh", "-c", "exit 7", nullptr);
      ::_exit(97);
    }
    return exit_code_of(child);
  });
}

// Not before the one that sleeps has come back.
int deadlock_after_a_block() {
  return goro::run([] {
    const goro::chan<int> never;
    goro::go([never] {
      block_thread(200ms);
      std::puts("it came back");
      std::fflush(stdout);
      never.recv();
    });
    never.recv();
  });
}

// The end does not wait for those that are away.
int ends_beside_those_away() {
  return goro::run([] {
    for (int i = 0; i < 4; ++i) {
      goro::go([] { block_thread(60s); });
      goro::go([] {
        for (;;) asm volatile("");
      });
    }
    goro::sleep_for(50ms);
    return 7;
  });
}

// Destroyed after goro has stopped everybody but the goroutine that has called exit.
struct user_of_goro {
  goro::chan<int> c;
  ~user_of_goro() {
    if (!used) return;
    c.close();
    std::puts("closed");
  }
  bool used = false;
} g_at_the_end;

// Somebody who wants a P all the time.
void keep_others_waiting() {
  for (int i = 0; i < 8; ++i) {
    goro::go([] {
      for (;;) {
        compute(1ms);
        goro::this_goroutine::yield();
      }
    });
  }
}

// The main goroutine calls exit after it has done that, while others wait for its P.
template <class F>
int exits_after(F what) {
  g_at_the_end.used = true;
  return goro::run([&what] {
    keep_others_waiting();
    what();
    std::exit(7);
  });
}

int exits_locked() { return exits_after(goro::lock_os_thread); }
int exits_after_a_long_computation() {
  return exits_after([] { compute(60ms); });
}
int exits_after_a_block() {
  return exits_after([] { block_thread(50ms); });
}
int exits_announced() {
  return exits_after([] { goro::blocking([] { std::exit(7); }); });
}

// A plain thread works while a goroutine's thread has ended and everybody else waits.
int thread_works_while_another_ends() {
  return goro::run([] {
    const goro::chan<int> c;
    std::thread([c] {
      block_thread(300ms);
      c.send(7);
    }).detach();
    goro::go([] { goro::lock_os_thread(); });
    return c.recv().value();
  });
}

// The same, but nobody works: the threads that have ended must not hide it.
int deadlock_after_a_thread_has_ended() {
  return goro::run([] {
    goro::go([] { goro::lock_os_thread(); });
    goro::chan<int>{}.recv();
  });
}

// The last one to park is locked to its thread.
int deadlock_of_a_locked_one() {
  return goro::run([] {
    goro::lock_os_thread();
    goro::sleep_for(20ms);
    goro::chan<int>{}.recv();
  });
}

// Many threads end, a few at a time.
int threads_come_and_go() {
  return goro::run([] {
    goro::set_max_threads(30);
    for (int i = 0; i < 200; ++i) {
      goro::wait_group ended;
      ended.go([] { goro::lock_os_thread(); });
      ended.wait();
    }
    return 7;
  });
}

// Without descriptors the kernel does not say whether a thread sleeps: those that compute are not taken for
// blocked.
int computes_without_descriptors() {
  const rlimit none{.rlim_cur = 3, .rlim_max = 3};
  ::setrlimit(RLIMIT_NOFILE, &none);
  return goro::run([] {
    goro::wait_group ended;
    for (int i = 0; i < 200; ++i) ended.go([] { compute(2ms); });
    for (int i = 0; i < 4; ++i) ended.go([] { block_thread(100ms); });
    ended.wait();
    const goro::runtime_stats s = goro::stats();
    std::puts(s.handoffs_blocked < 20 ? "few" : "many");
    return 7;
  });
}

const std::map<std::string, std::function<int()>> k_cases{
    {"exits_locked", exits_locked},
    {"exits_after_a_long_computation", exits_after_a_long_computation},
    {"exits_after_a_block", exits_after_a_block},
    {"exits_announced", exits_announced},
    {"thread_works_while_another_ends", thread_works_while_another_ends},
    {"deadlock_after_a_thread_has_ended", deadlock_after_a_thread_has_ended},
    {"deadlock_of_a_locked_one", deadlock_of_a_locked_one},
    {"threads_come_and_go", threads_come_and_go},
    {"computes_without_descriptors", computes_without_descriptors},
    {"exhausts_threads", exhausts_threads},
    {"blocks", blocks},
    {"computes", computes},
    {"blocks_announced", blocks_announced},
    {"child_goes_on_in_a_goroutine", child_goes_on_in_a_goroutine},
    {"child_of_a_thread_starts_a_goroutine", child_of_a_thread_starts_a_goroutine},
    {"child_of_a_thread_waits", child_of_a_thread_waits},
    {"child_executes_another_program", child_executes_another_program},
    {"deadlock_after_a_block", deadlock_after_a_block},
    {"ends_beside_those_away", ends_beside_those_away},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || !k_cases.contains(argv[1])) return 99;
  return k_cases.at(argv[1])();
}
