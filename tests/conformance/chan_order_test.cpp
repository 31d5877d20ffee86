// CHAN-07 to 11, 19 and 26: who waits, in which order, and that each value arrives once.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include <goro/goro.hpp>

#include "support/fixture.hpp"
#include "support/seed.hpp"

namespace {

using goro_test::all_park;
using goro_test::go_named;
using goro_test::in_goroutine;
using namespace std::chrono_literals;

struct ChanOrder : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, ChanOrder, goro_test::all_procs());

TEST_P(ChanOrder, CHAN_07_an_unbuffered_send_completes_only_with_its_receive) {
  const goro::chan<int> c;
  std::atomic<bool> sent{false};
  go_named("sender", [&, c] {
    c.send(1);
    sent = true;
  });
  EXPECT_TRUE(all_park("sender"));
  EXPECT_FALSE(sent);
  EXPECT_EQ(c.recv(), 1);
  EXPECT_TRUE(goro_test::eventually([&] { return sent.load(); }));
}

TEST_P(ChanOrder, CHAN_07_an_unbuffered_receive_waits_for_its_send) {
  const goro::chan<int> c;
  std::atomic<int> got{0};
  go_named("receiver", [&, c] { got = c.recv().value(); });
  EXPECT_TRUE(all_park("receiver"));
  EXPECT_EQ(got, 0);
  c.send(5);
  EXPECT_TRUE(goro_test::eventually([&] { return got == 5; }));
}

TEST_P(ChanOrder, CHAN_08_a_buffered_send_blocks_only_when_full_a_receive_only_when_empty) {
  for (const int capacity : {1, 2, 10}) {
    const goro::chan<int> c{capacity};
    std::atomic<int> sent{0};
    go_named("sender", [&, c] {
      for (int i = 0; i <= capacity; ++i) {
        c.send(i);
        ++sent;
      }
    });
    EXPECT_TRUE(all_park("sender"));
    EXPECT_EQ(sent, capacity);
    EXPECT_EQ(c.size(), static_cast<std::size_t>(capacity));
    EXPECT_EQ(c.recv(), 0);
    EXPECT_TRUE(goro_test::eventually([&] { return sent == capacity + 1; }));
    for (int i = 1; i <= capacity; ++i) EXPECT_EQ(c.recv(), i);

    std::atomic<int> received{0};
    go_named("receiver", [&, c] {
      c.recv();
      ++received;
    });
    EXPECT_TRUE(all_park("receiver"));
    EXPECT_EQ(received, 0);
    c.send(1);
    EXPECT_TRUE(goro_test::eventually([&] { return received == 1; }));
  }
}

TEST_P(ChanOrder, CHAN_09_values_come_out_in_the_order_they_went_in) {
  in_goroutine([] {
    for (const int capacity : {0, 1, 2, 7, 100}) {
      const goro::chan<int> c{capacity};
      goro::go([c] {
        for (int i = 0; i < 1000; ++i) c.send(i);
        c.close();
      });
      int expected = 0;
      for (const int v : c) ASSERT_EQ(v, expected++);
      EXPECT_EQ(expected, 1000);
    }
  });
}

TEST_P(ChanOrder, CHAN_09_also_when_senders_wait_behind_a_full_buffer) {
  for (const int capacity : {0, 1, 5}) {
    const goro::chan<int> c{capacity};
    for (int i = 0; i < capacity; ++i) c.send(i);
    const int waiting = 20;
    for (int i = 0; i < waiting; ++i) {
      go_named("sender", [c, v = capacity + i] { c.send(v); });
      EXPECT_TRUE(all_park("sender", static_cast<std::size_t>(i) + 1));  // so that they queue in this order
    }
    for (int i = 0; i < capacity + waiting; ++i) EXPECT_EQ(c.recv(), i);
  }
}

TEST_P(ChanOrder, CHAN_10_receivers_are_served_in_arrival_order) {
  for (const int capacity : {0, 3}) {
    const goro::chan<int> c{capacity};
    const int n = 30;
    std::vector<std::atomic<int>> got(n);
    for (int i = 0; i < n; ++i) {
      go_named("receiver", [c, i, &got] {
        const int value = i % 2 == 0 ? c.recv().value() : c.try_recv_for(1h).value();
        got[static_cast<std::size_t>(i)] = value + 1;
      });
      EXPECT_TRUE(all_park("receiver", static_cast<std::size_t>(i) + 1));
    }
    for (int i = 0; i < n; ++i) c.send(i);
    EXPECT_TRUE(goro_test::eventually([this] { return alive() == 0; }));
    for (int i = 0; i < n; ++i) EXPECT_EQ(got[static_cast<std::size_t>(i)], i + 1);
  }
}

TEST_P(ChanOrder, CHAN_10_a_waiter_that_gave_up_does_not_hold_up_those_behind_it) {
  const goro::chan<int> c;
  std::atomic<int> first{0};
  std::atomic<int> last{0};
  go_named("patient", [&, c] { first = c.recv().value(); });
  EXPECT_TRUE(all_park("patient"));
  go_named("impatient", [c] { EXPECT_EQ(c.try_recv_for(200ms).error(), goro::errc::timed_out); });
  EXPECT_TRUE(all_park("impatient"));
  go_named("patient", [&, c] { last = c.recv().value(); });
  EXPECT_TRUE(all_park("patient", 2));
  EXPECT_TRUE(goro_test::eventually([] { return goro_test::state_of("impatient").empty(); }));
  c.send(1);
  c.send(2);
  EXPECT_TRUE(goro_test::eventually([&] { return first == 1 && last == 2; }));
}

// n values over channels of some capacity between several senders and receivers, some of them plain threads;
// each value must be received exactly once.
void exchange(int capacity, int senders, int receivers, int per_sender) {
  const goro::chan<int> c{capacity};
  std::vector<std::atomic<int>> seen(static_cast<std::size_t>(senders * per_sender));
  goro::wait_group sending;
  goro::wait_group receiving;
  const auto send = [&](int s) {
    for (int i = 0; i < per_sender; ++i) c.send(s * per_sender + i);
    sending.done();
  };
  const auto receive = [&] {
    for (const int v : c) ++seen[static_cast<std::size_t>(v)];
    receiving.done();
  };
  std::vector<std::jthread> threads;
  sending.add(senders);
  receiving.add(receivers);
  for (int s = 0; s < senders; ++s) {
    s == 0 ? (void)threads.emplace_back([&] { send(0); }) : goro::go([&send, s] { send(s); });
  }
  for (int r = 0; r < receivers; ++r) {
    r == 0 ? (void)threads.emplace_back([&] { receive(); }) : goro::go([&] { receive(); });
  }
  sending.wait();
  c.close();
  receiving.wait();
  for (std::size_t v = 0; v < seen.size(); ++v)
    ASSERT_EQ(seen[v], 1) << "value " << v << ", cap " << capacity;
}

TEST_P(ChanOrder, CHAN_11_each_value_is_received_exactly_once) {
  for (const int capacity : {0, 1, 2, 16, 128}) {
    exchange(capacity, 8, 8, goro_test::repetitions(2000));
    exchange(capacity, 2, 10, goro_test::repetitions(2000));
    exchange(capacity, 10, 2, goro_test::repetitions(2000));
    exchange(capacity, 1, 1, goro_test::repetitions(2000));  // both plain threads
  }
}

TEST_P(ChanOrder, CHAN_19_the_value_is_taken_at_the_moment_of_sending) {
  const goro::chan<std::string> c;
  std::string value = "at the moment";
  go_named("sender", [&, c] { c.send(value); });
  EXPECT_TRUE(all_park("sender"));
  value = "later";  // while the send is blocked
  EXPECT_EQ(c.recv(), "at the moment");
  const goro::chan<std::string> buffered{1};
  buffered.send(value);
  value = "even later";
  EXPECT_EQ(buffered.recv(), "later");
}

TEST_P(ChanOrder, CHAN_26_daisy_chain_of_ten_thousand) {
  in_goroutine([] {
    const int n = goro_test::goroutines_at_once(10'000);
    const goro::chan<int> leftmost;
    goro::chan<int> left = leftmost;
    for (int i = 0; i < n; ++i) {
      const goro::chan<int> right;
      goro::go([left, right] { left.send(1 + right.recv().value()); });
      left = right;
    }
    goro::go([left] { left.send(0); });
    EXPECT_EQ(leftmost.recv(), n);
  });
}

TEST_P(ChanOrder, CHAN_26_prime_sieve) {
  in_goroutine([] {
    const goro::chan<goro::unit> stop;
    std::atomic<bool> stopped{false};
    goro::chan<int> numbers;
    goro::go([numbers, &stopped] {
      for (int i = 2; !stopped; ++i) numbers.send(i);
      numbers.close();
    });
    std::vector<int> primes;
    for (int i = 0; i < 100; ++i) {
      const int prime = numbers.recv().value();
      primes.push_back(prime);
      const goro::chan<int> filtered;
      goro::go([in = numbers, out = filtered, prime] {
        for (const int v : in) {
          if (v % prime != 0) out.send(v);
        }
        out.close();
      });
      numbers = filtered;
    }
    EXPECT_EQ(primes.back(), 541);
    stopped = true;
    for ([[maybe_unused]] const int v : numbers) {  // lets the filters run dry
    }
  });
}

// The relay of Go's powser: a tree of goroutines that adds two power series term by term.
goro::recv_chan<long> series(long first, long step, int terms) {
  const goro::chan<long> out;
  goro::go([=] {
    for (int i = 0; i < terms; ++i) out.send(first + step * i);
    out.close();
  });
  return out;
}

goro::recv_chan<long> add(const goro::recv_chan<long>& a, const goro::recv_chan<long>& b) {
  const goro::chan<long> out;
  goro::go([=] {
    for (const long v : a) out.send(v + b.recv().value());
    out.close();
  });
  return out;
}

TEST_P(ChanOrder, CHAN_26_power_series) {
  in_goroutine([] {
    std::vector<goro::recv_chan<long>> level;
    for (int i = 0; i < 256; ++i) level.push_back(series(i, i, 20));
    while (level.size() > 1) {
      std::vector<goro::recv_chan<long>> next;
      for (std::size_t i = 0; i < level.size(); i += 2) next.push_back(add(level[i], level[i + 1]));
      level = std::move(next);
    }
    const long sum = 256L * 255 / 2;
    long term = 0;
    for (const long v : level[0]) EXPECT_EQ(v, sum * ++term);
    EXPECT_EQ(term, 20);
  });
}

}  // namespace
