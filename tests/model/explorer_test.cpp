// The explorer itself: it finds what it must find, allows nothing that cannot happen, and misses no
// interleaving.
#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <utility>

#include "model/expect.hpp"
#include "model/model_atomics.hpp"

namespace goro::model {
namespace {

constexpr auto k_relaxed = std::memory_order_relaxed;
constexpr auto k_acquire = std::memory_order_acquire;
constexpr auto k_release = std::memory_order_release;

struct two_words {
  model_atomic<int> x{0};
  model_atomic<int> y{0};
};

using results = std::set<std::pair<int, int>>;

// Store buffering: each thread stores one word and loads the other.
template <class Left, class Right>
results store_buffering(ordering rules) {
  results seen;
  int left = 0, right = 0;
  const auto o = explore<two_words>({.rules = rules},
                                    {[&](two_words& s) {
                                       s.x.store(1, k_relaxed);
                                       Left::light_fence();
                                       left = s.y.load(k_relaxed);
                                     },
                                     [&](two_words& s) {
                                       s.y.store(1, k_relaxed);
                                       Right::heavy_fence();
                                       right = s.x.load(k_relaxed);
                                     }},
                                    [&](two_words&) { seen.emplace(left, right); });
  EXPECT_EQ(o.violation, "");
  return seen;
}

TEST(model, explorer_store_buffering) {
  for (const ordering rules : {ordering::tso, ordering::weak}) {
    const results sound = {{0, 1}, {1, 0}, {1, 1}};
    results broken = sound;
    broken.emplace(0, 0);
    EXPECT_EQ((store_buffering<model_atomics, model_atomics>(rules)), sound);
    EXPECT_EQ((store_buffering<symmetric_fences, symmetric_fences>(rules)), sound);
    EXPECT_EQ((store_buffering<no_light_fence, model_atomics>(rules)), broken);
    EXPECT_EQ((store_buffering<model_atomics, no_heavy_fence>(rules)), broken);
    EXPECT_EQ((store_buffering<model_atomics, one_sided_fence>(rules)), broken);
  }
}

// Message passing: the data first, then the flag.
results message_passing(ordering rules, std::memory_order flag_order) {
  results seen;
  int flag = 0, data = 0;
  explore<two_words>({.rules = rules},
                     {[&](two_words& s) {
                        s.x.store(1, k_relaxed);
                        s.y.store(1, flag_order);
                      },
                      [&](two_words& s) {
                        flag = s.y.load(k_acquire);
                        data = s.x.load(k_relaxed);
                      }},
                     [&](two_words&) { seen.emplace(flag, data); });
  return seen;
}

TEST(model, explorer_message_passing) {
  const results sound = {{0, 0}, {0, 1}, {1, 1}};
  results broken = sound;
  broken.emplace(1, 0);
  EXPECT_EQ(message_passing(ordering::tso, k_relaxed), sound);
  EXPECT_EQ(message_passing(ordering::tso, k_release), sound);
  EXPECT_EQ(message_passing(ordering::weak, k_release), sound);
  EXPECT_EQ(message_passing(ordering::weak, k_relaxed), broken);
}

struct published {
  model_atomic<int> flag{0};
  model_cell<int> data{0};
};

outcome publish(ordering rules, std::memory_order store_order, std::memory_order load_order) {
  return explore<published>({.rules = rules}, {[=](published& s) {
                                                 s.data = 7;
                                                 s.flag.store(1, store_order);
                                               },
                                               [=](published& s) {
                                                 unsigned spins = 0;
                                                 while (s.flag.load(load_order) == 0)
                                                   model_atomics::backoff(spins);
                                                 require(s.data == 7, "old data");
                                               }});
}

TEST(model, explorer_races) {
  for (const ordering rules : {ordering::tso, ordering::weak}) {
    EXPECT_EQ(publish(rules, k_release, k_acquire).violation, "");
    EXPECT_NE(publish(rules, k_relaxed, k_acquire).violation.find("race"), std::string::npos);
    EXPECT_NE(publish(rules, k_release, k_relaxed).violation.find("race"), std::string::npos);
  }
}

// A release sequence goes on through the read-modify-writes of others, and ends at a plain store.
TEST(model, explorer_release_sequence) {
  const auto with = [](bool modify) {
    return explore<published>({}, {[](published& s) {
                                     s.data = 7;
                                     s.flag.store(1, k_release);
                                   },
                                   [=](published& s) {
                                     unsigned spins = 0;
                                     while (s.flag.load(k_relaxed) != 1) model_atomics::backoff(spins);
                                     if (modify) {
                                       s.flag.fetch_add(1, k_relaxed);
                                     } else {
                                       s.flag.store(2, k_relaxed);
                                     }
                                   },
                                   [](published& s) {
                                     unsigned spins = 0;
                                     while (s.flag.load(k_acquire) != 2) model_atomics::backoff(spins);
                                     require(s.data == 7, "old data");
                                   }});
  };
  EXPECT_EQ(with(true).violation, "");
  EXPECT_NE(with(false).violation.find("race"), std::string::npos);
}

struct counted {
  model_atomic<int> word{0};
};

// Three read-modify-writes by each of two threads interleave in 6! / (3! 3!) = 20 ways; by each of three in
// 1680.
TEST(model, explorer_counts_every_interleaving) {
  const thread_body<counted> three_times = [](counted& s) {
    for (int i = 0; i != 3; ++i) s.word.fetch_add(1, k_relaxed);
  };
  const thread_body<counted> sums_up = [](counted& s) { require(s.word.load(k_relaxed) % 3 == 0, "lost"); };
  EXPECT_EQ(explore<counted>({.merge = false}, {three_times, three_times}, sums_up).executions, 20u);
  EXPECT_EQ(explore<counted>({.merge = false}, {three_times, three_times, three_times}, sums_up).executions,
            1680u);
  EXPECT_LT(explore<counted>({}, {three_times, three_times, three_times}, sums_up).completed, 1681u);
}

// Merging loses no result.
TEST(model, explorer_merging_loses_nothing) {
  for (const ordering rules : {ordering::tso, ordering::weak}) {
    std::set<std::pair<int, int>> seen[2];
    for (const bool merge : {false, true}) {
      int a = 0, b = 0;
      const auto mixer = [](two_words& s, int base, int& result) {
        s.x.store(base, k_relaxed);
        result = s.y.load(k_relaxed) * 100 + s.x.load(k_relaxed);
        s.y.store(base + 1, k_release);
        result = result * 100 + s.x.fetch_add(10, k_relaxed);
      };
      explore<two_words>({.rules = rules, .merge = merge},
                         {[&](two_words& s) { mixer(s, 1, a); }, [&](two_words& s) { mixer(s, 3, b); }},
                         [&](two_words&) { seen[merge].emplace(a, b); });
    }
    EXPECT_EQ(seen[0], seen[1]);
    EXPECT_GT(seen[0].size(), 10u);
  }
}

TEST(model, explorer_finds_lost_update) {
  const thread_body<counted> add = [](counted& s) { s.word.store(s.word.load(k_relaxed) + 1, k_relaxed); };
  const auto o = explore<counted>({}, {add, add},
                                  [](counted& s) { require(s.word.load(k_relaxed) == 2, "lost update"); });
  expect_violated("lost update", o, "lost update");
  EXPECT_NE(o.trace.find("T1 load a0 relaxed: 0"), std::string::npos) << o.trace;
}

TEST(model, explorer_finds_deadlock) {
  const auto o = explore<two_words>({}, {[](two_words& s) {
                                           unsigned spins = 0;
                                           while (s.x.load(k_relaxed) == 0) model_atomics::backoff(spins);
                                           s.y.store(1, k_relaxed);
                                         },
                                         [](two_words& s) {
                                           unsigned spins = 0;
                                           while (s.y.load(k_relaxed) == 0) model_atomics::backoff(spins);
                                           s.x.store(1, k_relaxed);
                                         }});
  EXPECT_EQ(o.violation, "deadlock: T0 spins T1 spins");
}

TEST(model, explorer_finds_livelock) {
  const auto o = explore<counted>({.merge = false}, {[](counted& s) {
                                    while (s.word.load(k_relaxed) == 0) {
                                    }
                                  }});
  EXPECT_EQ(o.violation, "no end in sight (livelock?)");
}

struct sleeping {
  model_atomic<std::uint32_t> word{0};
};

TEST(model, explorer_futex) {
  const thread_body<sleeping> sleeper = [](sleeping& s) {
    while (s.word.load(k_acquire) == 0) futex_wait(s.word, 0);
  };
  const auto waker = [](bool wakes) {
    return [=](sleeping& s) {
      s.word.store(1, k_release);
      if (wakes) futex_wake(s.word, 1);
    };
  };
  expect_holds("wake", explore<sleeping>({.spurious = 1}, {sleeper, waker(true)}));
  expect_violated("no wake", explore<sleeping>({}, {sleeper, waker(false)}), "deadlock: T0 sleeps");
  expect_violated("one wake for two", explore<sleeping>({}, {sleeper, sleeper, waker(true)}), "sleeps");
}

// A deadline may come before the wake, at the same time, or not at all.
TEST(model, explorer_deadline) {
  std::set<bool> seen;
  bool timed_out = false;
  explore<sleeping>({},
                    {[&](sleeping& s) {
                       timed_out = false;
                       while (s.word.load(k_acquire) == 0 && !timed_out)
                         timed_out = futex_wait_timed(s.word, 0);
                     },
                     [](sleeping& s) {
                       s.word.store(1, k_release);
                       futex_wake(s.word, 1);
                     }},
                    [&](sleeping&) { seen.insert(timed_out); });
  EXPECT_EQ(seen, (std::set<bool>{false, true}));
}

}  // namespace
}  // namespace goro::model
