#include "stress/random_actions.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <shared_mutex>
#include <utility>
#include <vector>

namespace goro_test {

using namespace std::chrono_literals;

namespace {

// Lets somebody else have the turn, sometimes.
void maybe_yield(std::mt19937_64& rng) {
  if (pick(rng, 0, 7) == 0) goro::this_goroutine::yield();
}

// --- select ---

// A case on one of the program's channels, or on none.
struct random_case {
  audited_channel* channel = nullptr;
  long value = 0;  // to send
  goro::recv_case<long> in;
  goro::send_case<long> out;
  bool sends = false;

  random_case(world& w, std::mt19937_64& rng) : sends(pick(rng, 0, 1) == 0) {
    if (pick(rng, 0, 9) != 0) channel = &w.any_channel(rng);
    value = pick(rng, 1, 1000);
    const goro::chan<long> c = channel ? channel->c : goro::chan<long>(nullptr);
    sends ? out.arm(c, value) : in.arm(c);
  }
  goro::select_case* as_case() {
    if (sends) return &out;
    return &in;
  }
  bool chosen() const { return sends ? static_cast<bool>(out) : static_cast<bool>(in); }
  // Also that an element which was not sent is still there.
  void conclude() {
    if (!chosen()) {
      if (sends) {
        EXPECT_EQ(out.value(), value);
      }
      return;
    }
    ASSERT_NE(channel, nullptr);
    if (sends) return channel->note_sent(value);
    const std::optional<long> got = in.take();
    ASSERT_TRUE(got);
    channel->note_received(*got);
  }
};

}  // namespace

std::chrono::nanoseconds short_time(std::mt19937_64& rng) {
  static constexpr std::chrono::nanoseconds k_times[] = {-1ns, 0ns, 1us, 5us, 20us, 100us, 1ms};
  return k_times[pick(rng, 0, 6)];
}

void select_somehow(world& w, std::mt19937_64& rng) {
  std::deque<random_case> cases;
  std::vector<goro::select_case*> all;
  for (int i = pick(rng, 1, 5); i > 0; --i) all.push_back(cases.emplace_back(w, rng).as_case());
  goro::timer limit(short_time(rng));
  goro::recv_case expired{limit.c()};
  bool decided = false;
  switch (pick(rng, 0, 3)) {
    case 0:
      decided = goro::try_select(all);
      break;
    case 1:
      decided = goro::try_select_for(short_time(rng), all);
      break;
    case 2:
      decided = goro::try_select_until(goro::clock::now() + short_time(rng), all);
      break;
    default:
      all.push_back(&expired);
      decided = goro::select(all) != all.size() - 1;
      EXPECT_NE(decided, static_cast<bool>(expired));
  }
  int chosen = 0;
  for (random_case& c : cases) {
    if (c.chosen()) ++chosen;
    c.conclude();
  }
  EXPECT_EQ(chosen, decided ? 1 : 0);
}

// --- timers ---

// Nobody else receives: until a value is received, or it is stopped, a timer is active.
void use_timer(world& w, std::mt19937_64& rng) {
  goro::timer t(short_time(rng));
  for (int i = pick(rng, 0, 3); i > 0; --i) {
    maybe_yield(rng);
    switch (pick(rng, 0, 2)) {
      case 0:
        EXPECT_TRUE(t.stop());
        EXPECT_EQ(t.c().try_recv().error(), goro::errc::would_block);
        EXPECT_FALSE(t.stop());
        EXPECT_FALSE(t.reset(short_time(rng)));
        break;
      case 1:
        EXPECT_TRUE(t.reset(short_time(rng)));
        break;
      default: {
        const goro::time_point before = goro::clock::now();
        const auto d = short_time(rng);
        EXPECT_TRUE(t.reset(d));
        const auto fired = t.c().recv();
        EXPECT_GE(fired, before + d);
        EXPECT_FALSE(t.reset(1h));
      }
    }
  }
  if (pick(rng, 0, 1) == 0) select_somehow(w, rng);  // and the timer goes, fired or not
}

void use_ticker(std::mt19937_64& rng) {
  goro::ticker t(20us * pick(rng, 1, 10));
  goro::time_point last{};
  for (int i = pick(rng, 0, 3); i > 0; --i) {
    const auto tick = t.c().recv();
    EXPECT_GT(tick, last);
    if (tick) last = *tick;
    if (pick(rng, 0, 3) == 0) t.reset(20us * pick(rng, 1, 10));
  }
  if (pick(rng, 0, 1) == 0) {
    t.stop();
    EXPECT_EQ(t.c().try_recv().error(), goro::errc::would_block);
  }
}

// Each setting ends in one call, unless stop() or reset() says that it prevented it.
void use_timer_function(world& w, std::mt19937_64& rng) {
  const auto expect_call = [&w] {
    w.actors.add();
    ++w.calls.expected;
  };
  const auto expect_none = [&w] {
    --w.calls.expected;
    w.actors.done();
  };
  expect_call();
  goro::timer t = goro::after_func(short_time(rng), [&w] {
    ++w.calls.done;
    w.actors.done();
  });
  for (int i = pick(rng, 0, 3); i > 0; --i) {
    maybe_yield(rng);
    expect_call();
    if (t.reset(short_time(rng))) expect_none();
    if (pick(rng, 0, 9) != 0) continue;
    expect_call();
    if (t.reset(goro::clock::duration::max())) expect_none();
    EXPECT_TRUE(t.reset(short_time(rng)));  // in the place of the one that is never due
  }
  if (pick(rng, 0, 1) == 0 && t.stop()) expect_none();
}

// --- contexts ---

// A chain of contexts, of which somebody waits for each; one is cancelled, or has a deadline.
void use_context(world& w, std::mt19937_64& rng) {
  std::vector<goro::cancellable_context> chain;
  chain.push_back(goro::with_cancel(goro::background()));
  for (int i = pick(rng, 0, 4); i > 0; --i) {
    const goro::context parent =
        chain[static_cast<std::size_t>(pick(rng, 0, static_cast<int>(chain.size()) - 1))].ctx;
    chain.push_back(pick(rng, 0, 2) == 0 ? goro::with_timeout(parent, short_time(rng))
                                         : goro::with_cancel(parent));
  }
  for (const goro::cancellable_context& c : chain) {
    w.actors.add();
    ++w.calls.expected;
    const auto note = [&w] {
      ++w.calls.done;
      w.actors.done();
    };
    switch (pick(rng, 0, 2)) {
      case 0:
        goro::go([ctx = c.ctx, note] {
          EXPECT_FALSE(ctx.done().recv());
          EXPECT_TRUE(ctx.err());
          note();
        });
        break;
      case 1:
        (void)goro::after_func(c.ctx, note);
        break;
      default:
        if (goro::after_func(c.ctx, note)()) note();  // taken back in time
    }
  }
  maybe_yield(rng);
  chain[static_cast<std::size_t>(pick(rng, 0, static_cast<int>(chain.size()) - 1))].cancel();
  maybe_yield(rng);
  chain.front().cancel();
  for (const goro::cancellable_context& c : chain) {
    EXPECT_TRUE(c.ctx.err());
    EXPECT_EQ(c.ctx.done().try_recv().error(), goro::errc::closed);
  }
}

// --- locks ---

void use_shared_mutex(world& w, std::mt19937_64& rng) {
  std::shared_lock reading(w.shared, std::defer_lock);
  std::unique_lock writing(w.shared, std::defer_lock);
  switch (pick(rng, 0, 4)) {
    case 0:
      writing.lock();
      break;
    case 1:
      (void)writing.try_lock();
      break;
    case 2:
      (void)reading.try_lock();
      break;
    default:
      reading.lock();
  }
  if (!writing && !reading) return;
  EXPECT_EQ(w.left, w.right);
  if (writing) {
    ++w.left;
    maybe_yield(rng);
    ++w.right;
    ++w.written.expected;
  } else {
    maybe_yield(rng);
    EXPECT_EQ(w.left, w.right);
  }
}

void make_or_take_token(world& w, std::mt19937_64& rng) {
  std::unique_lock held(w.tokens_lock);
  if (pick(rng, 0, 1) == 0) {
    ++w.there;
    ++w.tokens.expected;
    if (pick(rng, 0, 1) == 0) held.unlock();
    return pick(rng, 0, 3) == 0 ? w.more_tokens.notify_all() : w.more_tokens.notify_one();
  }
  if (!w.more_tokens.wait_for(held, short_time(rng), [&w] { return w.there > 0; })) return;
  --w.there;
  ++w.tokens.done;
}

void use_semaphore(world& w, std::mt19937_64& rng) {
  const long n = pick(rng, 0, world::k_permits);
  switch (pick(rng, 0, 2)) {
    case 0:
      w.permits.acquire(n);
      break;
    case 1:
      if (!w.permits.try_acquire(n)) return;
      break;
    default:
      if (w.permits.acquire(goro::with_timeout(goro::background(), short_time(rng)).ctx, n)) return;
  }
  EXPECT_LE(w.permits_held += n, world::k_permits);
  maybe_yield(rng);
  w.permits_held -= n;
  w.permits.release(n);
}

// --- groups ---

void run_group(world& w, std::mt19937_64& rng) {
  goro::task_group group;
  if (pick(rng, 0, 1) == 0) group.set_limit(pick(rng, 1, 3));
  const int tasks = pick(rng, 0, 5);
  const int fails = pick(rng, 0, 7);
  std::atomic<int> ran{0};
  for (int i = 0; i < tasks; ++i) {
    group.go([&w, &ran, i, fails](const goro::context& ctx) -> std::error_code {
      ++ran;
      if (i == fails) return std::make_error_code(std::errc::io_error);
      if (fails < i) ctx.done().recv();  // it has started: it fails, or has failed
      const std::lock_guard held(w.lock);
      ++w.guarded;
      ++w.locked.expected;
      return {};
    });
  }
  const std::error_code err = group.wait();
  EXPECT_EQ(ran, tasks);
  EXPECT_EQ(err, fails < tasks ? std::make_error_code(std::errc::io_error) : std::error_code());
  EXPECT_TRUE(group.context().err());
}

}  // namespace goro_test
