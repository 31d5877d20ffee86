// [MO-7]: the pass that gives back what lies below a parked goroutine's stack pointer, or reads what lies
// above, against the goroutine's resumption (stack/parked.hpp, start_turn in sched/turn.hpp). The words,
// orders and fences are those of the two; whoever changes them there changes them here first. Not modelled:
// the moment between the saving of the stack pointer and the last instruction on the stack, in which only a
// signal handler can write below it; and that the switch saves the stack pointer by a plain store, which on
// x86 is a release, and on aarch64 becomes one by the second fence of a pass that reads.
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
  holds_nothing,    // the pass reads what it has only claimed
};

enum class status : std::uint32_t { running, waiting };
enum class parked : std::uint32_t { untouched, seen, claimed, held, trimmed };

enum class purpose { trimming, reading };

template <class Atomics, flaw Flaw, purpose Purpose>
struct world {
  model_atomic<status> now{status::running};
  model_atomic<parked> state{parked::untouched};
  model_atomic<bool> saved{false};  // sp is not null
  model_cell<int> below{0};         // the part of the stack that a parked goroutine does not need
  model_cell<int> frame{0};         // what it has saved
  bool given_back = false;
  bool met = false;

  void park() {
    now.store(status::waiting, std::memory_order_release);
    if (Purpose == purpose::reading) {
      frame = frame + 1;
    } else {
      below = below + 1;  // it still stands on its stack
    }
    saved.store(true, std::memory_order_release);
  }
  void resume() {
    now.store(status::running, std::memory_order_release);
    Atomics::light_fence();
    if (state.load(std::memory_order_relaxed) != parked::untouched) come_back();
    saved.store(false, std::memory_order_relaxed);
    if (Purpose == purpose::reading) {
      frame = frame + 1;
    } else {
      below = below + 1;
    }
  }
  void come_back() {
    if (Flaw == flaw::comes_at_once) return state.store(parked::untouched, std::memory_order_relaxed);
    for (;;) {
      unsigned spins = 0;
      while (state.load(std::memory_order_relaxed) == parked::held) model_atomics::backoff(spins);
      for (parked t : {parked::seen, parked::claimed, parked::trimmed, parked::untouched}) {
        if (state.compare_exchange_strong(t, parked::untouched, std::memory_order_acquire,
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
    parked none = parked::untouched;
    state.compare_exchange_strong(none, parked::seen, std::memory_order_relaxed, std::memory_order_relaxed);
  }
  void give_back() {
    const bool early = Flaw == flaw::looks_too_early && is_parked();
    parked seen = parked::seen;
    if (!state.compare_exchange_strong(seen, parked::claimed, std::memory_order_relaxed,
                                       std::memory_order_relaxed)) {
      met = true;
      return;
    }
    Atomics::heavy_fence();
    const bool off = Flaw == flaw::looks_too_early ? early : is_parked();
    parked claim = parked::claimed;
    const bool still = state.compare_exchange_strong(claim, off ? parked::held : parked::untouched,
                                                     std::memory_order_relaxed, std::memory_order_relaxed);
    if (!still || !off) return;
    below = 0;
    given_back = true;
    state.store(parked::trimmed, std::memory_order_release);
  }
  void read() {
    parked former = state.load(std::memory_order_relaxed);
    const auto change = [this](parked from, parked to) {
      return state.compare_exchange_strong(from, to, std::memory_order_relaxed, std::memory_order_relaxed);
    };
    if (!change(former, parked::claimed)) {
      met = true;
      return;
    }
    Atomics::heavy_fence();
    if (!is_parked()) return void(change(parked::claimed, former));
    if (Flaw != flaw::holds_nothing && !change(parked::claimed, parked::held)) return;
    given_back = frame > 0;
    state.store(former == parked::untouched ? parked::seen : former, std::memory_order_release);
  }
};

// What the executions came through.
struct coverage {
  bool given_back = false;
  bool met = false;
};

template <class Atomics, flaw Flaw = flaw::none, purpose Purpose = purpose::trimming>
outcome against(const options& how, coverage& c) {
  using state = world<Atomics, Flaw, Purpose>;
  const thread_body<state> goroutine = [](state& s) {
    for (int i = 0; i != 2; ++i) {
      s.park();
      s.resume();
    }
  };
  const thread_body<state> pass = [](state& s) {
    if (Purpose == purpose::reading) return s.read();
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
  coverage c;
  expect_violated_in_both(what, [&](const options& o) { return against<Atomics, Flaw>(o, c); }, "race");
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

TEST(model, read_excludes_the_goroutine) {
  coverage c;
  expect_holds_in_both(
      "read", [&](const options& o) { return against<model_atomics, flaw::none, purpose::reading>(o, c); });
  EXPECT_TRUE(c.given_back);
}

template <class Atomics, flaw Flaw = flaw::none>
void expect_misread(const char* what) {
  coverage c;
  expect_violated_in_both(
      what, [&](const options& o) { return against<Atomics, Flaw, purpose::reading>(o, c); }, "race");
}

TEST(model, read_needs_each_step) {
  expect_misread<no_light_fence>("no light fence");
  expect_misread<no_heavy_fence>("no heavy fence");
  expect_misread<model_atomics, flaw::holds_nothing>("holds nothing");
}

}  // namespace
}  // namespace goro::model
