// Channels under load: blocking senders and receivers in great numbers, plain threads among them, closes that
// come at any moment, changes of max_procs underneath. Every value is received exactly once and in its
// sender's order.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include <goro/goro.hpp>

#include "support/stress.hpp"
#include "support/tracked.hpp"

namespace {

using goro_test::pick;
using namespace std::chrono_literals;

struct ChannelStress : goro_test::stress_test {};
INSTANTIATE_TEST_SUITE_P(Procs, ChannelStress, goro_test::all_procs());

struct message {
  int sender;
  int number;
};

// Runs f as a goroutine, or as a plain thread for one in four.
class mixed_crowd {
 public:
  template <class F>
  void start(std::mt19937_64& rng, F f) {
    if (pick(rng, 0, 3) == 0 && threads_.size() < 6) {
      threads_.emplace_back(std::move(f));
    } else {
      goroutines_.go(std::move(f));
    }
  }
  void wait() {
    threads_.clear();
    goroutines_.wait();
  }

 private:
  std::vector<std::jthread> threads_;
  goro::wait_group goroutines_;
};

TEST_P(ChannelStress, every_value_arrives_once_and_in_its_senders_order) {
  rounds([](std::mt19937_64& rng) {
    const int senders = pick(rng, 1, 20);
    const int receivers = pick(rng, 1, 20);
    const int each = pick(rng, 1, 300);
    const goro::chan<message> c{pick(rng, 0, 2) * pick(rng, 0, 40)};
    std::atomic<int> received{0};
    mixed_crowd sending;
    mixed_crowd receiving;
    for (int r = 0; r < receivers; ++r) {
      receiving.start(rng, [&received, c] {
        std::map<int, int> last;
        for (const message m : c) {
          const auto [it, is_new] = last.try_emplace(m.sender, -1);
          EXPECT_GT(m.number, it->second) << "overtaken";
          it->second = m.number;
          ++received;
        }
      });
    }
    for (int s = 0; s < senders; ++s) {
      sending.start(rng, [c, s, each] {
        for (int i = 0; i < each; ++i) c.send({s, i});
      });
    }
    sending.wait();
    c.close();
    receiving.wait();
    EXPECT_EQ(received, senders * each);
    EXPECT_EQ(c.size(), 0U);
  });
}

TEST_P(ChannelStress, a_close_at_any_moment_leaves_each_value_on_one_side) {
  goro_test::tally t;
  rounds([&t](std::mt19937_64& rng) {
    const goro::chan<goro_test::tracked> c{pick(rng, 0, 8)};
    std::atomic<int> sent{0};
    std::atomic<int> received{0};
    mixed_crowd crowd;
    for (int s = pick(rng, 1, 10); s > 0; --s) {
      crowd.start(rng, [&, c, s] {
        for (int i = 0;; ++i) {
          goro_test::tracked mine(t, i);
          try {
            if (s % 2 == 0) {
              c.send(std::move(mine));
              ++sent;
            } else if (c.try_send_for(std::move(mine), std::chrono::microseconds(i % 50))) {
              ++sent;
            }
          } catch (const goro::channel_closed&) {
            EXPECT_EQ(mine.value(), i) << "taken from a sender that was told of the close";
            return;
          }
        }
      });
    }
    for (int r = pick(rng, 1, 10); r > 0; --r) {
      crowd.start(rng, [&, c, r] {
        for (;;) {
          if (r % 2 == 0) {
            if (!c.recv()) return;
            ++received;
          } else {
            const auto v = c.try_recv_for(10us);
            if (!v && v.error() == goro::errc::closed) return;
            received += v ? 1 : 0;
          }
        }
      });
    }
    goro::sleep_for(std::chrono::microseconds(pick(rng, 0, 3000)));
    c.close();
    crowd.wait();
    EXPECT_EQ(sent, received);
  });
  EXPECT_EQ(t.alive(), 0);
}

// Goroutines and threads meet in selects that a deadline ends at any moment.
TEST_P(ChannelStress, selects_with_deadlines_of_goroutines_and_threads) {
  rounds([](std::mt19937_64& rng) {
    const goro::chan<int> a{pick(rng, 0, 1)};
    const goro::chan<int> b;
    std::atomic<int> sent{0};
    std::atomic<int> received{0};
    mixed_crowd crowd;
    const auto patience = [](int i) { return std::chrono::microseconds(i % 60); };
    for (int members = pick(rng, 1, 4); members > 0; --members) {
      crowd.start(rng, [&, a, b, patience] {
        for (int i = 0; i != 2'000; ++i) {
          goro::send_case to_a{a, 1};
          goro::send_case to_b{b, 1};
          if (goro::try_select_for(patience(i), to_a, to_b)) ++sent;
        }
      });
      crowd.start(rng, [&, a, b, patience] {
        for (int i = 0; i != 2'000; ++i) {
          goro::recv_case from_a{a};
          goro::recv_case from_b{b};
          if (goro::try_select_for(patience(i + 7), from_a, from_b)) ++received;
        }
      });
    }
    crowd.wait();
    EXPECT_EQ(sent, received + static_cast<int>(a.size()));
  });
}

TEST_P(ChannelStress, a_ring_of_goroutines_passes_tokens_while_max_procs_changes) {
  rounds([this](std::mt19937_64& rng) {
    const int size = pick(rng, 2, 200);
    const int tokens =
        pick(rng, 1, std::min(20, size - 1));  // with as many as links all would send, none receive
    const int hops = pick(rng, 1, 2000);
    std::vector<goro::chan<int>> links;
    for (int i = 0; i < size; ++i) links.emplace_back(pick(rng, 0, 1) * tokens);
    std::atomic<bool> stop{false};
    goro::wait_group changer;
    changer.go([this, &stop, seed = rng()] {
      std::mt19937_64 own(seed);
      while (!stop) {
        goro::set_max_procs(pick(own, 1, procs()));
        goro::sleep_for(50us);
      }
    });
    const goro::chan<int> finished{tokens};
    goro::wait_group ring;
    for (std::size_t i = 0; i < links.size(); ++i) {
      ring.go([in = links[i], out = links[(i + 1) % links.size()], finished] {
        for (const int hops_left : in) {
          hops_left == 0 ? finished.send(0) : out.send(hops_left - 1);
        }
      });
    }
    for (int i = 0; i < tokens; ++i) {
      goro::go([link = links[static_cast<std::size_t>(i % size)], hops] { link.send(hops); });
    }
    for (int i = 0; i < tokens; ++i) finished.recv();
    for (const auto& link : links) link.close();
    ring.wait();
    stop = true;
    changer.wait();
    goro::set_max_procs(procs());
  });
}

TEST_P(ChannelStress, unbuffered_pairs_play_ping_pong_in_great_numbers) {
  rounds([](std::mt19937_64& rng) {
    const int pairs = pick(rng, 1, 100);
    const int balls = pick(rng, 1, 200);
    std::atomic<long> total{0};
    mixed_crowd crowd;
    for (int p = 0; p < pairs; ++p) {
      const goro::chan<int> there;
      const goro::chan<int> back;
      crowd.start(rng, [=] {
        for (const int v : there) back.send(v + 1);
        back.close();
      });
      crowd.start(rng, [=, &total] {
        int v = 0;
        for (int i = 0; i < balls; ++i) {
          there.send(v);
          v = back.recv().value();
        }
        there.close();
        total += v;
      });
    }
    crowd.wait();
    EXPECT_EQ(total, static_cast<long>(pairs) * balls);
  });
}

}  // namespace
