// [MO-1]: goro/detail/lock.hpp on modelled atomics: it excludes, wakes who sleeps, and is not touched once it is free.
// The words, orders and fences below are those of lock.hpp and os/fence.cpp, without the spinning; whoever changes
// them there changes them here first.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>

#include "model/expect.hpp"
#include "model/model_atomics.hpp"

namespace goro::model {
namespace {

enum class flaw {
  none,
  counts_in_lock,   // the sleepers are counted in the lock itself: it is looked at after it is free
  counts_too_late,  // a sleeper counts itself after its last look
};

// In the real thing the counts are a table, in which locks may share an entry.
struct table_entry {
  model_atomic<std::uint32_t> sleepers{0};
};

template <class Atomics, flaw Flaw = flaw::none>
class table_lock {
 public:
  explicit table_lock(table_entry& counts) : counts_(counts) {}

  void acquire() noexcept {
    if (!try_acquire()) acquire_slow();
  }
  bool try_acquire() noexcept {
    touch();
    std::uint32_t free = 0;
    return word_.compare_exchange_strong(free, 1, std::memory_order_acquire, std::memory_order_relaxed);
  }
  void release() noexcept {
    touch();
    word_.store(0, std::memory_order_release);
    Atomics::light_fence();
    if (Flaw == flaw::counts_in_lock) touch();
    if (counts_.sleepers.load(std::memory_order_relaxed) != 0) futex_wake(word_, 1);  // by address
  }
  void destroy() noexcept { alive_ = false; }

 private:
  void acquire_slow() noexcept {
    if (Flaw != flaw::counts_too_late) {
      counts_.sleepers.fetch_add(1, std::memory_order_relaxed);
      Atomics::heavy_fence();
    }
    while (!try_acquire()) {
      futex_wait(word_, 1);
      if (Flaw == flaw::counts_too_late) counts_.sleepers.fetch_add(1, std::memory_order_relaxed);
    }
    counts_.sleepers.fetch_sub(1, std::memory_order_relaxed);
  }

  void touch() { require(alive_, "a dead lock is touched"); }

  table_entry& counts_;
  model_cell<bool> alive_{true};
  model_atomic<std::uint32_t> word_{0};
};

template <class Lock>
struct guarded {
  table_entry counts;
  Lock lock{counts};
  Lock other{counts};
  model_cell<int> data{0};

  void visit() {
    lock.acquire();
    data = data + 1;
    lock.release();
  }
};

template <class Lock>
outcome contend(options how, int threads, int rounds) {
  using state = guarded<Lock>;
  const thread_body<state> body = [=](state& s) {
    for (int i = 0; i != rounds; ++i) s.visit();
  };
  return explore<state>(how, std::vector<thread_body<state>>(static_cast<std::size_t>(threads), body),
                        [=](state& s) { require(s.data == threads * rounds, "a visit is lost"); });
}

TEST(model, lock_excludes_and_wakes) {
  using membarrier_lock = table_lock<model_atomics>;
  using symmetric_lock = table_lock<symmetric_fences>;
  expect_holds_in_both("2 threads, twice", [](const options& o) { return contend<membarrier_lock>(o, 2, 2); });
  expect_holds_in_both("3 threads", [](const options& o) { return contend<membarrier_lock>(o, 3, 1); });
  expect_holds_in_both("3 threads, full fences", [](const options& o) { return contend<symmetric_lock>(o, 3, 1); });
  expect_holds("waits that end for no reason", contend<membarrier_lock>({.spurious = 1}, 2, 2));
}

// Another lock that shares the entry of the table makes noise, no more.
TEST(model, lock_shares_its_count) {
  using state = guarded<table_lock<model_atomics>>;
  const thread_body<state> other = [](state& s) {
    s.other.acquire();
    s.other.release();
  };
  const thread_body<state> visit = [](state& s) { s.visit(); };
  expect_holds("shared entry", explore<state>({}, {visit, visit, other}));
}

// Each thread makes one visit; the second one destroys the lock, as a receiver may free a channel.
template <class Lock>
outcome destroy(const options& how) {
  using state = guarded<Lock>;
  const thread_body<state> body = [](state& s) {
    s.lock.acquire();
    s.data = s.data + 1;
    const bool last = s.data == 2;
    s.lock.release();
    if (last) s.lock.destroy();
  };
  return explore<state>(how, {body, body});
}

TEST(model, lock_may_be_destroyed) {
  expect_holds_in_both("destroyed by the next", [](const options& o) { return destroy<table_lock<model_atomics>>(o); });
  expect_violated("counts in the lock", destroy<table_lock<model_atomics, flaw::counts_in_lock>>({}), "race");
}

TEST(model, lock_needs_its_fences) {
  for (const ordering rules : {ordering::tso, ordering::weak}) {
    const options how{.rules = rules};
    expect_violated("no light fence", contend<table_lock<no_light_fence>>(how, 2, 1), "sleeps");
    expect_violated("no heavy fence", contend<table_lock<no_heavy_fence>>(how, 2, 1), "sleeps");
    expect_violated("heavy fence of the sleeper alone", contend<table_lock<one_sided_fence>>(how, 2, 1), "sleeps");
    expect_violated("counted too late", contend<table_lock<model_atomics, flaw::counts_too_late>>(how, 2, 1),
                    "sleeps");
  }
}

}  // namespace
}  // namespace goro::model
