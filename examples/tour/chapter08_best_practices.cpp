// Chapter 8: best practices. Know who ends, who closes, who waits; share by communicating.

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>

#include "tour.hpp"

namespace tour {

namespace {

using namespace std::chrono_literals;

void join_what_you_start() {
  say("1. Know when each goroutine ends, and wait for it: wait_group::go counts, starts and reports the "
      "end.");
  goro::wait_group wg;
  std::atomic<int> finished{0};
  for (int i = 0; i != 20; ++i) {
    wg.go([&finished, i] {
      if (i % 5 == 0) goro::this_goroutine::exit();  // done() comes on this way out too
      finished.fetch_add(1);
    });
  }
  wg.wait();
  check(finished.load() == 16, "16 of 20 went to their end, 4 left early, and wait() waited for all of them");
}

// Workers that compute, and workers that wait: both listen to the done-channel.
void cancel_by_closing() {
  say("2. Give each goroutine a way to be told to stop: a closed channel tells everybody, any number of "
      "times.");
  const goro::chan<goro::unit> done;
  std::atomic<long> rounds{0};
  goro::wait_group wg;
  for (int i = 0; i != 3; ++i) {
    wg.go([done, &rounds] {
      while (done.try_recv().error() != goro::errc::closed) {
        rounds.fetch_add(1);
        goro::this_goroutine::yield();
      }
    });
    wg.go([done] {
      while (done.try_recv_for(1h).error() == goro::errc::timed_out) {
      }
    });
  }
  check(eventually([&] { return rounds.load() > 100; }),
        "six workers are at work, three of them wait for an hour");
  double took = 0;
  took = seconds([&] {
    done.close();
    wg.wait();
  });
  say("closing one channel stopped all six in %.0f us", took * 1e6);
  check(took < 10, "nobody waited for the hour to end");
  not_yet("context: cancellation, deadlines and values that follow the tree of calls");
}

// The same histogram twice: guarded by a lock, and owned by one goroutine.
void share_by_communicating() {
  say("3. Do not communicate by sharing memory; share memory by communicating.");
  constexpr int k_goroutines = 50;
  constexpr int k_each = 200;

  std::map<int, int> guarded;
  goro::mutex mutex;
  goro::wait_group lockers;
  for (int g = 0; g != k_goroutines; ++g) {
    lockers.go([&] {
      for (int i = 0; i != k_each; ++i) {
        const std::lock_guard lock(mutex);
        ++guarded[i % 10];
      }
    });
  }
  lockers.wait();

  const goro::chan<int> events{64};
  auto owner = goro::async([events] {
    std::map<int, int> mine;  // no other goroutine can reach it: nothing to lock, nothing to forget
    for (const int e : events) ++mine[e];
    return mine;
  });
  goro::wait_group senders;
  for (int g = 0; g != k_goroutines; ++g) {
    senders.go([events] {
      for (int i = 0; i != k_each; ++i) events.send(i % 10);
    });
  }
  senders.wait();
  events.close();
  const std::map<int, int> owned = owner.get();
  check(guarded[3] == k_goroutines * k_each / 10, "with a lock: every increment was counted");
  check(owned == guarded, "with an owner that receives events: the same result, and no lock to forget");
}

void sender_closes() {
  say("4. The sender closes, once, when all has been sent; receivers then get the rest, and after it "
      "\"closed\".");
  const goro::chan<int> c{3};
  for (int i = 1; i <= 3; ++i) c.send(i);
  c.close();
  int sum = 0;
  for (const int v : c) sum += v;
  check(sum == 6 && !c.recv().has_value(), "what was in the buffer arrived before the end");
}

void limit_what_waits() {
  say("5. Put a limit on what may queue up. A full channel makes its senders wait; try_send lets you refuse "
      "instead.");
  const goro::chan<int> queue{8};
  int accepted = 0;
  for (int request = 0; request != 100; ++request) accepted += queue.try_send(request) ? 1 : 0;
  check(accepted == 8, "of a hundred requests at once eight were accepted, the others were refused at once");
}

void wait_with_a_limit() {
  say("6. Wait with a limit where the other side may be gone.");
  const goro::chan<int> silent;
  check(silent.try_recv_for(2ms).error() == std::errc::timed_out,
        "a receive with a limit comes back: timed out");
  not_yet("select: waiting for several channels and a timeout in one statement");
}

}  // namespace

void chapter_best_practices(const settings&) {
  join_what_you_start();
  cancel_by_closing();
  share_by_communicating();
  sender_closes();
  limit_what_waits();
  wait_with_a_limit();
  say("7. Give goroutines names (go_options): dumps and reports show them, with the place that started "
      "them.");
  not_yet("task_group: join, first error and cancellation in one object");
}

}  // namespace tour
