// Goroutines that block their threads, compute, lock themselves to threads and talk over channels, while the
// number of Ps changes all the time and signals interrupt every system call. Nothing may be lost, and nobody
// may hang.
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include <goro/goro.hpp>

#include "support/build.hpp"
#include "support/stress.hpp"

namespace {

using goro_test::block_thread;
using goro_test::pick;
using namespace std::chrono_literals;

struct HandOffStress : goro_test::stress_test {};
INSTANTIATE_TEST_SUITE_P(Procs, HandOffStress, goro_test::all_procs());

// SIGALRM, a thousand times in a second, to whichever thread; without SA_RESTART.
class alarms {
 public:
  alarms() {
    struct sigaction action{};
    action.sa_handler = [](int) {};
    action.sa_flags = SA_ONSTACK;
    ::sigaction(SIGALRM, &action, &former_);
    set(1000);
  }
  ~alarms() {
    set(0);
    ::sigaction(SIGALRM, &former_, nullptr);
  }
  alarms(const alarms&) = delete;
  alarms& operator=(const alarms&) = delete;

 private:
  static void set(suseconds_t period) {
    const itimerval every{.it_interval = {.tv_sec = 0, .tv_usec = period},
                          .it_value = {.tv_sec = 0, .tv_usec = period}};
    ::setitimer(ITIMER_REAL, &every, nullptr);
  }
  struct sigaction former_{};
};

// What all take part in.
struct shared_things {
  std::mutex thread_lock;
  long guarded = 0;
  std::atomic<long> expected{0};
  goro::chan<int> channel{8};
  std::atomic<long> sent{0};
  std::atomic<long> received{0};
};

void lock_std_mutex(shared_things& s, std::mt19937_64& rng) {
  const std::lock_guard held(s.thread_lock);  // no call of goro while it is held
  ++s.guarded;
  ++s.expected;
  if (pick(rng, 0, 15) == 0) block_thread(std::chrono::microseconds(pick(rng, 0, 300)));
}

void talk(shared_things& s, std::mt19937_64& rng) {
  if (pick(rng, 0, 1) == 0) {
    const int value = pick(rng, 1, 100);
    if (s.channel.try_send_for(int{value}, 1ms)) s.sent += value;
  } else if (auto got = s.channel.try_recv_for(100us)) {
    s.received += *got;
  }
}

void stay_on_thread(std::mt19937_64& rng) {
  const goro::os_thread_lock locked;
  const pid_t here = ::gettid();
  for (int i = pick(rng, 0, 3); i > 0; --i) {
    goro::this_goroutine::yield();
    if (pick(rng, 0, 3) == 0) block_thread(200us);
    EXPECT_EQ(::gettid(), here);
  }
}

void act(shared_things& s, std::mt19937_64& rng) {
  switch (pick(rng, 0, 7)) {
    case 0:
      return lock_std_mutex(s, rng);
    case 1:
      return block_thread(std::chrono::microseconds(pick(rng, 1, 500)));
    case 2:
      return goro_test::compute(std::chrono::microseconds(pick(rng, 1, pick(rng, 0, 63) == 0 ? 15'000 : 50)));
    case 3:
      return goro::blocking([&rng] { block_thread(std::chrono::microseconds(pick(rng, 1, 300))); });
    case 4:
      return stay_on_thread(rng);
    case 5:
      return goro::sleep_for(std::chrono::microseconds(pick(rng, 0, 300)));
    case 6:
      return goro::this_goroutine::yield();
    default:
      return talk(s, rng);
  }
}

TEST_P(HandOffStress, SCHED_19_chaos_of_blocking_and_computing_loses_nothing) {
  const alarms interruptions;
  rounds([this](std::mt19937_64& rng) {
    shared_things s;
    std::atomic<bool> stop{false};
    goro::wait_group ended;
    std::jthread changer([&stop, seed = rng()] {
      std::mt19937_64 own(seed);
      while (!stop) {
        goro::set_max_procs(pick(own, 1, 32));
        block_thread(100us);
      }
    });
    for (int g = pick(rng, 1, goro_test::k_sanitized ? 30 : 100); g > 0; --g) {
      ended.go([&s, seed = rng()] {
        std::mt19937_64 own(seed);
        for (int i = 0; i < 30; ++i) act(s, own);
        if (pick(own, 0, 9) == 0) goro::lock_os_thread();  // its thread ends with it
      });
    }
    ended.wait();
    stop = true;
    changer.join();
    goro::set_max_procs(procs());
    while (const auto left = s.channel.try_recv()) s.received += *left;
    EXPECT_EQ(s.guarded, s.expected);
    EXPECT_EQ(s.received, s.sent);
    EXPECT_TRUE(goro_test::eventually([] { return goro::stats().goroutines_away == 0; }));
  });
}

// More endless computations than may lose their Ps at once, who all have begun when the others come.
TEST_P(HandOffStress, SCHED_18_more_loops_than_threads_for_them) {
  goro_test::in_goroutine([&] {
    const int loops = goro_test::k_sanitized ? 20 : 64 + 4 * procs() + 16;
    std::atomic<bool> stop{false};
    std::atomic<int> begun{0};
    goro::wait_group ended;
    for (int i = 0; i < loops; ++i) {
      ended.go([&] {
        ++begun;
        while (!stop.load(std::memory_order_relaxed)) {
        }
      });
    }
    goro::sleep_for(50ms);  // the first ones have the Ps
    std::atomic<int> good{0};
    goro::wait_group well_behaved;
    // A sanitizer makes a fiber for each, which takes 2.5 ms of CPU, of which they have a tenth.
    constexpr int k_good = goro_test::k_tsan ? 30 : goro_test::k_asan ? 100 : 1000;
    for (int i = 0; i < k_good; ++i) {
      well_behaved.go([&good] {
        goro::this_goroutine::yield();
        ++good;
      });
    }
    well_behaved.wait();
    EXPECT_EQ(good, k_good);
    EXPECT_GE(begun, 1);
    stop = true;
    ended.wait();
  });
}

}  // namespace
