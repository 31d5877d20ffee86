// Chapter 8: best practices. Know who ends, who closes, who waits; share by communicating.

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>

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
}

const goro::context_key<int> k_request;

// What a request calls: it sees whose request it is, and ends when nobody wants the answer any more.
std::error_code serve(const goro::context& ctx) {
  if (!ctx.value(k_request)) return std::make_error_code(std::errc::invalid_argument);
  goro::recv_case given_up{ctx.done()};
  goro::recv_case answer{goro::after(1h)};
  goro::select(given_up, answer);
  return given_up ? ctx.cause() : std::error_code();
}

void cancel_by_context() {
  say("   A context does that for a tree of calls, with a reason, a deadline and values on the way.");
  const goro::context request = goro::with_value(goro::background(), k_request, 4711);
  const auto [ctx, cancel] = goro::with_timeout(request, 2ms);
  goro::future<std::error_code> answer = goro::async([ctx = ctx] { return serve(ctx); });
  check(answer.get() == std::errc::timed_out,
        "the work for request 4711 ended at its deadline, not in an hour");

  const auto [parent, stop] = goro::with_cancel(request);
  const goro::cancellable_context child = goro::with_cancel(parent);
  stop(std::make_error_code(std::errc::connection_reset));
  check(child.ctx.err() == goro::errc::canceled && child.ctx.cause() == std::errc::connection_reset,
        "who cancels a context has cancelled all below it, and the reason arrives");
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
  const goro::chan<int> as_silent;
  const int heard = goro::select(goro::on_recv(silent, [](std::optional<int>) { return 1; }),
                                 goro::on_recv(as_silent, [](std::optional<int>) { return 2; }),
                                 goro::on_timeout(2ms, [] { return 0; }));
  check(heard == 0, "select waited for two channels and a timeout in one statement");
}

void join_as_a_group() {
  say("7. A task_group is join, first error and cancellation in one: the others hear of the first failure.");
  goro::task_group group;
  std::atomic<int> gave_up{0};
  for (int i = 0; i != 10; ++i) {
    group.go([&gave_up, i](const goro::context& ctx) -> std::error_code {
      if (i == 7) return std::make_error_code(std::errc::host_unreachable);
      ctx.done().recv();
      gave_up.fetch_add(1);
      return {};
    });
  }
  check(group.wait() == std::errc::host_unreachable, "wait() returned what went wrong first");
  check(gave_up.load() == 9, "the nine others were told, and had ended by then");
}

}  // namespace

void chapter_best_practices(const settings&) {
  join_what_you_start();
  cancel_by_closing();
  cancel_by_context();
  share_by_communicating();
  sender_closes();
  limit_what_waits();
  wait_with_a_limit();
  join_as_a_group();
  say("8. Give goroutines names (go_options): dumps and reports show them, with the place that started "
      "them.");
}

}  // namespace tour
