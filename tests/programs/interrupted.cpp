// `interrupted`: everything in goro that sleeps in the kernel, or asks it for something, with totals that are
// known beforehand. Made to be run while its system calls are interrupted; SIGURG, which only gets counted,
// may come at any time. It ends by itself if it hangs, because whoever started it may not reach it through a
// tracer.
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <mutex>
#include <thread>
#include <vector>

#include <goro/goro.hpp>

namespace {

using namespace std::chrono_literals;

// Blocks the thread in the C library.
void block_thread(std::chrono::microseconds d) {
  timespec rest{.tv_sec = 0, .tv_nsec = std::chrono::nanoseconds(d).count()};
  while (::nanosleep(&rest, &rest) != 0) {
  }
}

// Waits that ended before their time.
std::atomic<int> g_early{0};

template <class F>
void not_before(std::chrono::nanoseconds d, F wait) {
  const auto begin = goro::clock::now();
  wait();
  if (goro::clock::now() - begin < d) ++g_early;
}

// What a call left in errno that is its own business. Not inlined: the address of errno is the thread's, and
// the call in between may end on another one.
std::atomic<int> g_errno_touched{0};
[[gnu::noinline]] void set_errno(int e) { errno = e; }
[[gnu::noinline]] int get_errno() { return errno; }

template <class F>
void keeps_errno(F call) {
  set_errno(EDOM);
  call();
  if (get_errno() != EDOM) ++g_errno_touched;
}

// Runs f(0) to f(n - 1) at once, every fourth on a plain thread, which waits on a futex of its own.
template <class F>
void in_all(int n, F f) {
  std::vector<std::jthread> threads;
  goro::wait_group ended;
  for (int i = 0; i < n; ++i) {
    if (i % 4 == 3) {
      threads.emplace_back([f, i] { f(i); });
    } else {
      ended.go([f, i] { f(i); });
    }
  }
  ended.wait();
  goro::blocking([&threads] { threads.clear(); });
}

// Eight senders, eight receivers, unbuffered.
long channels() {
  const goro::chan<int> c;
  std::atomic<long> sum{0};
  in_all(16, [&sum, c](int i) {
    for (int n = 0; n < 100; ++n) {
      keeps_errno([&] {
        if (i < 8) {
          c.send(n);
        } else {
          sum += *c.recv();
        }
      });
    }
  });
  return sum;
}

// A lock that is held across a wait, and a condition that everybody waits for.
long locks() {
  goro::mutex guard;
  goro::condition_variable changed;
  long entered = 0;
  in_all(8, [&](int i) {
    for (int n = 0; n < 20; ++n) {
      const std::lock_guard held(guard);
      if (i == 0) goro::sleep_for(200us);
      ++entered;
    }
    std::unique_lock held(guard);
    changed.notify_all();
    changed.wait(held, [&] { return entered == 160; });
  });
  return entered;
}

// Nobody sends; in the second half there is nothing but these deadlines to wake anybody up.
long deadlines() {
  std::atomic<long> passed{0};
  in_all(8, [&passed](int) {
    const goro::chan<int> never;
    for (int n = 0; n < 10; ++n) {
      not_before(1ms, [] { goro::sleep_for(1ms); });
      not_before(1ms, [&] { passed += !never.try_recv_for(1ms).has_value(); });
    }
  });
  return passed;
}

long timers() {
  std::atomic<long> fired{0};
  goro::wait_group ended;
  std::vector<goro::timer> all;
  for (int i = 0; i < 100; ++i) {
    ended.add();
    all.push_back(goro::after_func(std::chrono::microseconds(i * 100), [&] {
      ++fired;
      ended.done();
    }));
  }
  goro::ticker tick{1ms};
  for (int i = 0; i < 10; ++i) fired += tick.c().recv().has_value();
  ended.wait();
  return fired;
}

// Their Ps are taken from them, or given away, while others want one.
long blocked_threads() {
  std::mutex guard;
  long counted = 0;
  in_all(16, [&](int i) {
    for (int n = 0; n < 5; ++n) {
      if (i % 2 == 0) {
        block_thread(1ms);
      } else {
        goro::blocking([] { block_thread(1ms); });
      }
      goro::this_goroutine::yield();
      const std::lock_guard held(guard);
      ++counted;
    }
  });
  return counted;
}

// Each turn is passed on from thread to thread.
long locked_to_threads() {
  const goro::chan<int> there;
  const goro::chan<int> back;
  goro::wait_group ended;
  ended.go([=] {
    const goro::os_thread_lock here;
    for (const int n : there) back.send(n + 1);
  });
  const goro::os_thread_lock here;
  int n = 0;
  while (n < 100) {
    there.send(n);
    n = *back.recv();
  }
  there.close();
  ended.wait();
  return n;
}

}  // namespace

int main() {
  struct sigaction action{};
  action.sa_handler = [](int) {};
  action.sa_flags = SA_ONSTACK;  // without SA_RESTART
  ::sigaction(SIGURG, &action, nullptr);
  ::alarm(90);
  return goro::run([] {
    std::printf("channels %ld\n", channels());
    std::printf("locks %ld\n", locks());
    std::printf("deadlines %ld\n", deadlines());
    std::printf("timers %ld\n", timers());
    std::printf("blocked threads %ld\n", blocked_threads());
    std::printf("locked to threads %ld\n", locked_to_threads());
    std::printf("too early %d\n", g_early.load());
    std::printf("errno touched %d\n", g_errno_touched.load());
  });
}
