// Random programs: goroutines and plain threads that send, receive, select, try, wait for a while, lock,
// sleep, set timers, derive and cancel contexts, yield, start others and change max_procs, all at once. What
// is left over must add up exactly.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include <goro/goro.hpp>

#include "stress/random_actions.hpp"
#include "support/stress.hpp"

namespace {

using goro_test::audited_channel;
using goro_test::pick;
using goro_test::short_time;
using goro_test::world;
using namespace std::chrono_literals;

struct RandomProgram : goro_test::stress_test {};
INSTANTIATE_TEST_SUITE_P(Procs, RandomProgram, goro_test::all_procs());

void send_somehow(audited_channel& a, std::mt19937_64& rng) {
  const long value = pick(rng, 1, 1000);
  bool sent = false;
  switch (pick(rng, 0, 3)) {
    case 0:
      sent = a.c.try_send(value);
      break;
    case 1:
      sent = a.c.try_send_for(value, short_time(rng));
      break;
    case 2:
      sent = a.c.try_send_until(value, goro::clock::now() + short_time(rng));
      break;
    default:
      sent = a.c.try_send_for(value, 10ms);
  }
  if (sent) a.note_sent(value);
}

void recv_somehow(audited_channel& a, std::mt19937_64& rng) {
  const goro::result<long> r = [&] {
    switch (pick(rng, 0, 3)) {
      case 0:
        return a.c.try_recv();
      case 1:
        return a.c.try_recv_for(short_time(rng));
      case 2:
        return a.c.try_recv_until(goro::clock::now() + short_time(rng));
      default:
        return a.c.try_recv_for(10ms);
    }
  }();
  if (r) a.note_received(*r);
}

void lock_somehow(world& w, std::mt19937_64& rng) {
  bool held = true;
  switch (pick(rng, 0, 2)) {
    case 0:
      w.lock.lock();
      break;
    case 1:
      held = w.lock.try_lock();
      break;
    default:
      held = w.lock.try_lock_for(short_time(rng));
  }
  if (!held) return;
  ++w.guarded;
  ++w.locked.expected;
  if (pick(rng, 0, 15) == 0) goro::this_goroutine::yield();
  w.lock.unlock();
}

void act(world& w, int steps, int depth);

void start_another(world& w, std::mt19937_64& rng, int depth) {
  if (depth == 0) return;
  w.actors.add();
  goro::go([&w, steps = pick(rng, 1, 30), depth] { act(w, steps, depth - 1); });
}

void act(world& w, int steps, int depth) {
  std::seed_seq sequence{w.seed, w.next_stream++};
  std::mt19937_64 rng(sequence);
  while (steps-- > 0) {
    audited_channel& a = w.any_channel(rng);
    switch (pick(rng, 0, 29)) {
      case 0:
        start_another(w, rng, depth);
        break;
      case 1:
        goro::sleep_for(short_time(rng));
        break;
      case 2:
        goro::set_max_procs(pick(rng, 1, w.max_procs));
        break;
      case 3:
      case 4:
        goro::this_goroutine::yield();
        break;
      case 5:
      case 6:
      case 7:
        lock_somehow(w, rng);
        break;
      case 8:
        (void)goro::after(short_time(rng)).try_recv_for(1ms);
        break;
      case 9:
      case 10:
      case 11:
      case 12:
        goro_test::select_somehow(w, rng);
        break;
      case 13:
        goro_test::use_timer(w, rng);
        break;
      case 14:
        goro_test::use_ticker(rng);
        break;
      case 15:
        goro_test::use_timer_function(w, rng);
        break;
      case 16:
        goro_test::use_context(w, rng);
        break;
      case 17:
      case 18:
        goro_test::use_shared_mutex(w, rng);
        break;
      case 19:
        goro_test::make_or_take_token(w, rng);
        break;
      case 20:
        goro_test::use_semaphore(w, rng);
        break;
      case 21:
        goro_test::run_group(w, rng);
        break;
      default:
        pick(rng, 0, 1) == 0 ? send_somehow(a, rng) : recv_somehow(a, rng);
    }
  }
  w.actors.done();
}

TEST_P(RandomProgram, adds_up) {
  rounds([this](std::mt19937_64& rng) {
    world w;
    w.seed = rng();
    w.max_procs = procs();
    for (int i = pick(rng, 1, 5); i > 0; --i) w.channels.emplace_back(pick(rng, 0, 1) * pick(rng, 0, 20));
    const int goroutines = pick(rng, 1, 60);
    const int threads = pick(rng, 0, 4);
    w.actors.add(goroutines + threads);
    for (int i = 0; i < goroutines; ++i) goro::go([&w] { act(w, 40, 2); });
    {
      std::vector<std::jthread> plain;
      for (int i = 0; i < threads; ++i) plain.emplace_back([&w] { act(w, 40, 2); });
      w.actors.wait();
    }
    for (audited_channel& a : w.channels) {
      EXPECT_EQ(a.c.size(), static_cast<std::size_t>(a.sent - a.received));
      a.c.close();
      for (const long v : a.c) {
        a.note_received(v);
      }
      EXPECT_EQ(a.sent, a.received);
      EXPECT_EQ(a.sum_sent, a.sum_received);
    }
    EXPECT_EQ(w.guarded, w.locked.expected);
    EXPECT_EQ(w.left, w.written.expected);
    EXPECT_EQ(w.right, w.written.expected);
    EXPECT_EQ(w.there, w.tokens.expected - w.tokens.done);
    EXPECT_EQ(w.permits_held, 0);
    EXPECT_TRUE(w.permits.try_acquire(world::k_permits));
    EXPECT_EQ(w.calls.done, w.calls.expected);
    goro::set_max_procs(procs());
  });
}

}  // namespace
