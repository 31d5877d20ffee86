// [MO-7]: the pass that gives back what lies below a parked goroutine's stack pointer, against the
// goroutine's resumption (stack/shrink.cpp, start_turn in sched/turn.hpp). The words, orders and fences are
// those of the two; whoever changes them there changes them here first. Not modelled: the moment between the
// saving of the stack pointer and the last instruction on the stack, in which only a signal handler can write
// below it.
#include <gtest/gtest.h>

#include "model/expect.hpp"
#include "model/model_atomics.hpp"

namespace goro::model {
namespace {

enum class flaw {
  none,
  trusts_status,    // the pass does not look at the saved stack pointer
  looks_too_early,  // and looks at both before its fence only
  comes_at_once,    // the goroutine does not wait for the pass
};

enum class status : std::uint32_t { running, waiting };
enum class trim : std::uint32_t { untouched, seen, claimed, being_trimmed, trimmed };

template <class Atomics, flaw Flaw>
struct world {
  model_atomic<status> now{status::running};
  model_atomic<trim> trimming{trim::untouched};
  model_atomic<bool> saved{false};  // sp is not null
  model_cell<int> below{0};         // the part of the stack that a parked goroutine does not need
  bool given_back = false;
  bool met = false;

  void park() {
    now.store(status::waiting, std::memory_order_release);
    below = below + 1;  // it still stands on its stack
    saved.store(true, std::memory_order_release);
  }
  void resume() {
    now.store(status::running, std::memory_order_release);
    Atomics::light_fence();
    if (trimming.load(std::memory_order_relaxed) != trim::untouched) come_back();
    saved.store(false, std::memory_order_relaxed);
    below = below + 1;
  }
  void come_back() {
    if (Flaw == flaw::comes_at_once) return trimming.store(trim::untouched, std::memory_order_relaxed);
    for (;;) {
      unsigned spins = 0;
      while (trimming.load(std::memory_order_relaxed) == trim::being_trimmed) model_atomics::backoff(spins);
      for (trim t : {trim::seen, trim::claimed, trim::trimmed, trim::untouched}) {
        if (trimming.compare_exchange_strong(t, trim::untouched, std::memory_order_acquire,
                                             std::memory_order_relaxed))
          return;
      }
    }
  }

  bool is_parked() {
    return now.load(std::memory_order_acquire) == status::waiting &&
           (Flaw == flaw::trusts_status || saved.load(std::memory_order_acquire));
  }
  void look() {
    if (!is_parked()) return;
    trim none = trim::untouched;
    trimming.compare_exchange_strong(none, trim::seen, std::memory_order_relaxed, std::memory_order_relaxed);
  }
  void give_back() {
    const bool early = Flaw == flaw::looks_too_early && is_parked();
    trim seen = trim::seen;
    if (!trimming.compare_exchange_strong(seen, trim::claimed, std::memory_order_relaxed,
                                          std::memory_order_relaxed)) {
      met = true;
      return;
    }
    Atomics::heavy_fence();
    const bool parked = Flaw == flaw::looks_too_early ? early : is_parked();
    trim claim = trim::claimed;
    const bool still = trimming.compare_exchange_strong(claim, parked ? trim::being_trimmed : trim::untouched,
                                                        std::memory_order_relaxed, std::memory_order_relaxed);
    if (!still || !parked) return;
    below = 0;
    given_back = true;
    trimming.store(trim::trimmed, std::memory_order_release);
  }
};

// What the executions came through.
struct coverage {
  bool given_back = false;
  bool met = false;
};

template <class Atomics, flaw Flaw = flaw::none>
outcome against(const options& how, coverage& c) {
  using state = world<Atomics, Flaw>;
  const thread_body<state> goroutine = [](state& s) {
    for (int i = 0; i != 2; ++i) {
      s.park();
      s.resume();
    }
  };
  const thread_body<state> pass = [](state& s) {
    s.look();
    s.give_back();
  };
  return explore<state>(how, {goroutine, pass}, [&c](state& s) {
    c.given_back |= s.given_back;
    c.met |= s.met;
  });
}

template <class Atomics>
void expect_excludes(const std::string& what) {
  coverage c;
  expect_holds_in_both(what, [&](const options& o) { return against<Atomics>(o, c); });
  EXPECT_TRUE(c.given_back && c.met);
}

TEST(model, trim_excludes_the_goroutine) {
  expect_excludes<model_atomics>("trim, membarrier");
  expect_excludes<symmetric_fences>("trim, full fences");
}

template <class Atomics, flaw Flaw = flaw::none>
void expect_found(const char* what) {
  for (const ordering rules : {ordering::tso, ordering::weak}) {
    coverage c;
    expect_violated(what, against<Atomics, Flaw>({.rules = rules}, c), "race");
  }
}

TEST(model, trim_needs_its_fences) {
  expect_found<no_light_fence>("no light fence");
  expect_found<no_heavy_fence>("no heavy fence");
  expect_found<one_sided_fence>("heavy fence of the pass alone");
}

TEST(model, trim_needs_each_step) {
  expect_found<model_atomics, flaw::trusts_status>("trusts the status");
  expect_found<model_atomics, flaw::looks_too_early>("looks too early");
  expect_found<model_atomics, flaw::comes_at_once>("does not wait for the pass");
}

}  // namespace
}  // namespace goro::model
