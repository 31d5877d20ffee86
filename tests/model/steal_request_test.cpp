// [MO-6]: a thief that asks, and an owner that answers or is too late. What the owner gives arrives whole and
// once, or stays with it.
#include "sched/steal_request.hpp"

#include <gtest/gtest.h>

#include "model/expect.hpp"
#include "model/model_atomics.hpp"

namespace goro::model {
namespace {

constexpr int k_items = 2;

struct coverage {
  bool served = false, withdrawn = false, answered_late = false;
};

template <class Atomics>
struct shared {
  detail::steal_request<int, Atomics> request;
  model_cell<int> payload[k_items + 1]{0, 0, 0};
  int left = k_items;  // the owner's
  int taken = 0;       // the thief's
  int given = 0;       // the owner's

  void answer() {
    request.serve([this] {
      if (left == 0) return 0;
      payload[left] = left + 100;
      ++given;
      return left--;
    });
  }
  void take(int item) {
    if (item == 0) return;
    require(payload[item] == item + 100, "an item without its payload");
    ++taken;
  }
};

// The thief looks for an answer once, then loses its patience.
template <class Atomics>
void steal(shared<Atomics>& s, coverage& c) {
  int got = 0;
  s.request.ask();
  if (s.request.collect(got)) {
    c.served = true;
    return s.take(got);
  }
  if (s.request.withdraw()) {
    c.withdrawn = true;
    return;
  }
  unsigned spins = 0;
  while (!s.request.collect(got)) Atomics::backoff(spins);
  c.answered_late = true;
  s.take(got);
}

template <class Atomics>
outcome explore_requests(const options& how, coverage& c) {
  using state = shared<Atomics>;
  return explore<state>(how,
                        {[](state& s) {
                           for (int i = 0; i != 2; ++i) s.answer();
                         },
                         [&c](state& s) {
                           for (int i = 0; i != 2; ++i) steal(s, c);
                         }},
                        [](state& s) { require(s.given == s.taken, "something is lost"); });
}

TEST(model, steal_request_hands_over_once) {
  coverage c;
  expect_holds_in_both("request", [&](const options& o) { return explore_requests<model_atomics>(o, c); });
  EXPECT_TRUE(c.served && c.withdrawn && c.answered_late);
}

TEST(model, steal_request_needs_its_orders) {
  coverage c;
  expect_violated("relaxed", explore_requests<relaxed_orders>({.rules = ordering::weak}, c), "race");
}

}  // namespace
}  // namespace goro::model
