// A producer that never waits, and a reader: events arrive whole, in order, and what is missing is counted.
#include "diag/trace_ring.hpp"

#include <gtest/gtest.h>

#include "model/expect.hpp"
#include "model/model_atomics.hpp"

namespace goro::model {
namespace {

constexpr int k_events = 9;
constexpr int k_mark = 100;  // and how many were dropped

struct coverage {
  bool all = false, dropped = false, resumed = false;
};

template <class Atomics>
struct shared {
  detail::trace_ring<int, 4, Atomics> ring;
  int last = 0;     // the reader's
  int missing = 0;  // by the marks

  void record() {
    for (int i = 1; i <= k_events; ++i)
      ring.push([i] { return i; }, [](std::uint64_t n) { return k_mark + static_cast<int>(n); });
  }
  void read() {
    ring.drain([this](int event) {
      if (event >= k_mark) {
        missing += event - k_mark;
        last += event - k_mark;
        return;
      }
      require(event == last + 1, "an event is lost without a mark, or comes twice");
      last = event;
    });
  }
};

template <class Atomics>
outcome explore_ring(const options& how, coverage& c) {
  using state = shared<Atomics>;
  return explore<state>(how,
                        {[](state& s) { s.record(); },
                         [](state& s) {
                           for (int i = 0; i != 2; ++i) s.read();
                         }},
                        [&c](state& s) {
                          s.read();
                          const auto dropped = static_cast<int>(s.ring.dropped());
                          c.all |= dropped == 0;
                          c.dropped |= dropped != 0;
                          c.resumed |= s.missing != 0;
                          require(s.last + dropped - s.missing == k_events, "not counted");
                        });
}

TEST(model, trace_ring_loses_nothing_uncounted) {
  coverage c;
  expect_holds_in_both("ring", [&](const options& o) { return explore_ring<model_atomics>(o, c); });
  EXPECT_TRUE(c.all && c.dropped && c.resumed);
}

TEST(model, trace_ring_needs_its_orders) {
  coverage c;
  expect_violated("relaxed", explore_ring<relaxed_orders>({.rules = ordering::weak}, c), "race");
}

}  // namespace
}  // namespace goro::model
