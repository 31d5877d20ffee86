// A timer that is armed in one heap and then in another, while somebody else disarms it without a lock of its
// own (time/timer_heap.cpp, stop_timer() in time/timers.cpp).
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "model/expect.hpp"
#include "model/model_atomics.hpp"

namespace goro::model {
namespace {

enum class flaw {
  none,
  looks_once,    // who has the heap's lock does not look whether the node stands there
  arms_relaxed,  // `armed` does not carry the heap
  idle_relaxed,  // `idle` does not carry the node
};

enum class status : std::uint32_t { idle, armed };

constexpr std::memory_order order(bool weak) {
  return weak ? std::memory_order_relaxed : std::memory_order_release;
}

template <flaw Flaw>
struct world {
  struct timer_heap {
    model_lock guard;
    model_cell<int> nodes{0};
  };
  std::array<timer_heap, 2> heaps;
  // The node.
  model_atomic<status> state{status::idle};
  model_atomic<std::uint32_t> heap{0};
  model_cell<std::size_t> index{0};

  model_atomic<int> disarmed{0};

  void arm(std::uint32_t in) {
    timer_heap& h = heaps[in];
    const model_guard lock(h.guard);
    heap.store(in, std::memory_order_relaxed);
    state.store(status::armed, order(Flaw == flaw::arms_relaxed));
    index = 7;
    h.nodes = h.nodes + 1;
  }

  bool disarm() {
    for (;;) {
      if (state.load(std::memory_order_acquire) == status::idle) return false;
      const std::uint32_t at = heap.load(std::memory_order_relaxed);
      timer_heap& h = heaps[at];
      const model_guard lock(h.guard);
      if (state.load(std::memory_order_acquire) != status::armed) return false;
      if (Flaw != flaw::looks_once && heap.load(std::memory_order_relaxed) != at) continue;
      require(h.nodes == 1, "the node is not in this heap");
      require(index == 7, "the node's place");
      h.nodes = h.nodes - 1;
      state.store(status::idle, order(Flaw == flaw::idle_relaxed));
      disarmed.fetch_add(1, std::memory_order_relaxed);
      return true;
    }
  }

  // reset() from another P: it has the guard, so nobody else arms.
  void move() {
    disarm();
    if (state.load(std::memory_order_acquire) == status::idle) arm(1);
  }
};

template <flaw Flaw>
outcome moves_beside(const options& how, int stops) {
  using state = world<Flaw>;
  std::vector<thread_body<state>> bodies;
  bodies.push_back([](state& s) {
    s.arm(0);
    s.move();
  });
  for (int i = 0; i != stops; ++i) bodies.push_back([](state& s) { s.disarm(); });
  return explore<state>(how, bodies, [](state& s) {
    s.disarm();
    require(s.disarmed.load(std::memory_order_relaxed) == 2, "two settings, and not two ends");
    require(s.heaps[0].nodes == 0 && s.heaps[1].nodes == 0, "a heap still has the node");
  });
}

TEST(model, timer_is_disarmed_once_for_each_setting) {
  expect_holds_in_both("1 stop", [](const options& o) { return moves_beside<flaw::none>(o, 1); });
  expect_holds_in_both("2 stops", [](const options& o) { return moves_beside<flaw::none>(o, 2); });
}

TEST(model, timer_that_moves_needs_each_step) {
  expect_violated("looks once", moves_beside<flaw::looks_once>({}, 1), "not in this heap");
  expect_violated("arms relaxed", moves_beside<flaw::arms_relaxed>({.rules = ordering::weak}, 1), "not in");
  expect_violated("idle relaxed", moves_beside<flaw::idle_relaxed>({}, 1), "race");
}

}  // namespace
}  // namespace goro::model
