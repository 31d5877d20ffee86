// [MO-1]: goro/detail/lock.hpp on modelled atomics: it excludes, wakes who sleeps, and is not touched once it
// is free. The words, orders and fences below are those of lock.hpp and base/lock.cpp, without the spinning;
// whoever changes them there changes them here first.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "model/expect.hpp"
#include "model/model_atomics.hpp"

namespace goro::model {
namespace {

enum class flaw {
  none,
  count_in_lock,    // the sleepers are counted in the lock itself: it is looked at after it is free
  counts_too_late,  // a sleeper counts itself after its last look
};

constexpr std::uint32_t k_no_asymmetric_fences = 1U << 31;

// What all locks share.
template <class Atomics>
struct attention {
  static constexpr bool k_symmetric = std::is_same_v<Atomics, symmetric_fences>;
  model_atomic<std::uint32_t> word{k_symmetric ? k_no_asymmetric_fences : 0};
};

template <class Atomics, flaw Flaw = flaw::none>
class inner_lock {
 public:
  using atomics = Atomics;

  explicit inner_lock(attention<Atomics>& a) : attention_(a.word) {}

  void acquire() noexcept {
    if (!try_word()) take_word_slowly();
  }
  bool try_word() noexcept {
    touch();
    std::uint32_t free = 0;
    return word_.compare_exchange_strong(free, 1, std::memory_order_acquire, std::memory_order_relaxed);
  }
  void release() noexcept {
    touch();
    word_.store(0, std::memory_order_release);
    if constexpr (attention<Atomics>::k_symmetric) {
      model_atomics::light_fence();
    } else {
      Atomics::light_fence();
    }
    if (Flaw == flaw::count_in_lock) touch();
    if (attention_.load(std::memory_order_relaxed) != 0) release_slow();
  }
  void destroy() noexcept { alive_ = false; }

 private:
  void take_word_slowly() noexcept {
    if (Flaw != flaw::counts_too_late) {
      attention_.fetch_add(1, std::memory_order_relaxed);
      Atomics::heavy_fence();
    }
    while (!try_word()) {
      futex_wait(word_, 1);
      if (Flaw == flaw::counts_too_late) attention_.fetch_add(1, std::memory_order_relaxed);
    }
    attention_.fetch_sub(1, std::memory_order_relaxed);
  }
  // From here on it is the address that counts, not the lock.
  void release_slow() noexcept {
    Atomics::light_fence();
    if ((attention_.load(std::memory_order_relaxed) & ~k_no_asymmetric_fences) != 0) futex_wake(word_, 1);
  }

  void touch() { require(alive_, "a dead lock is touched"); }

  model_atomic<std::uint32_t>& attention_;
  model_cell<bool> alive_{true};
  model_atomic<std::uint32_t> word_{0};
};

template <class Lock>
struct guarded {
  attention<typename Lock::atomics> common;
  Lock lock{common};
  Lock other{common};
  model_cell<int> data{0};
  model_cell<bool> busy{false};

  void visit() {
    lock.acquire();
    require(!busy, "two at once");
    busy = true;
    data = data + 1;
    linger();
    busy = false;
    lock.release();
  }
  // A step of its own, so that others have a chance to come in.
  void linger() { model_atomics::light_fence(); }
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
  using membarrier_lock = inner_lock<model_atomics>;
  using symmetric_lock = inner_lock<symmetric_fences>;
  expect_holds_in_both("2 threads, twice",
                       [](const options& o) { return contend<membarrier_lock>(o, 2, 2); });
  // By value; for races the others are enough.
  const options three{.rules = ordering::weak, .ids = identity::value};
  expect_holds("3 threads", contend<membarrier_lock>(three, 3, 1));
  expect_holds("3 threads, full fences", contend<symmetric_lock>(three, 3, 1));
  expect_holds_in_both("full fences", [](const options& o) { return contend<symmetric_lock>(o, 2, 1); });
  expect_holds("waits that end for no reason", contend<membarrier_lock>({.spurious = 1}, 2, 2));
}

// Another lock makes noise, no more.
TEST(model, lock_beside_another) {
  using state = guarded<inner_lock<model_atomics>>;
  const thread_body<state> other = [](state& s) {
    s.other.acquire();
    s.other.release();
  };
  const thread_body<state> visit = [](state& s) { s.visit(); };
  expect_holds("another lock", explore<state>({}, {visit, visit, other}));
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
  expect_holds_in_both("destroyed by the next",
                       [](const options& o) { return destroy<inner_lock<model_atomics>>(o); });
  expect_violated("count in the lock", destroy<inner_lock<model_atomics, flaw::count_in_lock>>({}), "race");
}

TEST(model, lock_needs_its_fences) {
  for (const ordering rules : {ordering::tso, ordering::weak}) {
    const options how{.rules = rules};
    expect_violated("no light fence", contend<inner_lock<no_light_fence>>(how, 2, 1), "sleeps");
    expect_violated("no heavy fence", contend<inner_lock<no_heavy_fence>>(how, 2, 1), "sleeps");
    expect_violated("heavy fence of the sleeper alone", contend<inner_lock<one_sided_fence>>(how, 2, 1),
                    "sleeps");
    expect_violated("counted too late", contend<inner_lock<model_atomics, flaw::counts_too_late>>(how, 2, 1),
                    "sleeps");
  }
}

}  // namespace
}  // namespace goro::model
