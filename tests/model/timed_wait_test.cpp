// Waits that a deadline may end (sched/waiter.cpp, time/timer_heap.cpp): a waker and the timer compete for
// the claim word. Exactly one of them ends the wait, and neither touches anything of the wait once the waiter
// has gone on: what lies on its stack is gone, and a goroutine's claim word, which lies in its descriptor,
// serves the next wait.
#include <gtest/gtest.h>

#include <cstdint>

#include "model/expect.hpp"
#include "model/model_atomics.hpp"

namespace goro::model {
namespace {

enum class flaw {
  none,
  leaves_at_once,   // the waiter does not wait until the timer's function is through
  claims_blindly,   // the timer does not compete for the claim word
  leaves_node,      // the timer's function leaves the node in the queue
  forgets_the_won,  // a thread whose deadline has come returns although a waker has claimed it
};

enum class claimed : std::uint32_t { by_nobody, by_waker, by_deadline };
enum class timer_state : std::uint32_t { idle, armed, firing };

// What belongs to one wait: wait_node, timed_wait and the claim word; thread_waiter.
struct frame {
  model_cell<bool> alive{true};
  model_atomic<claimed> claim{claimed::by_nobody};
  model_atomic<timer_state> timer{timer_state::idle};
  model_cell<bool> queued{false};
  model_cell<bool> delivered{false};
  model_note note;

  void touch() { require(alive, "the frame is gone"); }
  bool try_claim(claimed winner) {
    touch();
    claimed nobody = claimed::by_nobody;
    return claim.compare_exchange_strong(nobody, winner, std::memory_order_acq_rel,
                                         std::memory_order_relaxed);
  }
};

template <flaw Flaw>
struct world {
  frame f;
  model_lock guard;                    // the channel's
  model_cell<frame*> waiter{nullptr};  // its queue
  model_cell<int> buffered{0};
  model_lock heap_guard;
  model_cell<frame*> heap{nullptr};  // the timers

  model_cell<int> received{0};
  model_cell<int> timed_out{0};

  void enqueue() {
    waiter = &f;
    f.queued = true;
  }
  void unlink(frame* n) {
    n->touch();
    waiter = nullptr;
    n->queued = false;
  }
  // The waiter's last act: it returns, and its frame is something else's.
  void leave(bool by_waker) {
    f.touch();
    if (by_waker) {
      require(f.delivered, "woken without a value");
      received = received + 1;
    } else {
      timed_out = timed_out + 1;
    }
    f.alive = false;
  }

  // --- a goroutine that waits ---

  void receive() {
    guard.acquire();
    if (buffered != 0) {
      buffered = buffered - 1;
      received = received + 1;
      f.alive = false;
      return guard.release();
    }
    enqueue();
    // commit_timed()
    heap_guard.acquire();
    f.timer.store(timer_state::armed, std::memory_order_relaxed);
    heap = &f;
    heap_guard.release();
    guard.release();
  }
  // The rest of its park_until(), on whatever machine it goes on.
  void go_on() {
    if (!disarm() && Flaw != flaw::leaves_at_once) {
      unsigned spins = 0;
      while (f.timer.load(std::memory_order_acquire) != timer_state::idle) model_atomics::backoff(spins);
    }
    leave(f.claim.load(std::memory_order_acquire) == claimed::by_waker);
  }
  bool disarm() {
    f.touch();
    if (f.timer.load(std::memory_order_acquire) == timer_state::idle) return false;
    const model_guard lock(heap_guard);
    if (f.timer.load(std::memory_order_relaxed) != timer_state::armed) return false;
    heap = nullptr;
    f.timer.store(timer_state::idle, std::memory_order_relaxed);
    return true;
  }

  // timer_heap::fire_due() and end_wait(): the goroutine's deadline has come.
  void fire() {
    heap_guard.acquire();
    frame* n = heap;
    if (n) {
      heap = nullptr;
      n->timer.store(timer_state::firing, std::memory_order_relaxed);
    }
    heap_guard.release();
    if (!n) return;
    if (!n->try_claim(claimed::by_deadline) && Flaw != flaw::claims_blindly) return finish(n);
    {
      const model_guard lock(guard);
      n->touch();
      if (n->queued && Flaw != flaw::leaves_node) unlink(n);
    }
    finish(n);
    go_on();  // ready(), and this machine runs it
  }
  void finish(frame* n) {
    n->touch();
    n->timer.store(timer_state::idle, std::memory_order_release);  // pairs with go_on()
  }

  // --- a plain thread that waits ---

  void receive_as_thread() {
    guard.acquire();
    if (buffered != 0) {
      buffered = buffered - 1;
      received = received + 1;
      return guard.release();
    }
    enqueue();
    guard.release();
    if (f.note.sleep_timed()) return leave(true);
    if (Flaw != flaw::forgets_the_won && !f.try_claim(claimed::by_deadline)) {
      f.note.sleep();
      return leave(true);
    }
    guard.acquire();
    if (f.queued) unlink(&f);
    guard.release();
    leave(false);
  }

  // --- who sends ---

  // chan_core.cpp's send_now(): hands its value to the waiter, or leaves it in the buffer.
  frame* send() {
    guard.acquire();
    frame* n = waiter;
    if (n) {
      unlink(n);
      if (!n->try_claim(claimed::by_waker)) n = nullptr;
    }
    if (n) {
      n->touch();
      n->delivered = true;
    } else {
      buffered = buffered + 1;
    }
    guard.release();
    return n;
  }
  void send_to_goroutine() {
    if (send()) go_on();  // ready(), and this machine runs it
  }
  void send_to_thread() {
    frame* n = send();
    if (!n) return;
    n->touch();
    n->note.set();
  }

  void check(int sends) {
    require(received + timed_out == 1, "the wait has not ended once");
    require(received + buffered == sends, "a value is lost");
  }
};

template <flaw Flaw>
outcome goroutine_waits(const options& how, int senders) {
  using state = world<Flaw>;
  std::vector<thread_body<state>> bodies;
  bodies.push_back([](state& s) { s.receive(); });
  bodies.push_back([](state& s) { s.fire(); });
  for (int i = 0; i != senders; ++i) bodies.push_back([](state& s) { s.send_to_goroutine(); });
  return explore<state>(how, bodies, [=](state& s) {
    if (s.heap) s.fire();  // the deadline comes later
    s.check(senders);
  });
}

template <flaw Flaw>
outcome thread_waits(const options& how) {
  using state = world<Flaw>;
  return explore<state>(how, {[](state& s) { s.receive_as_thread(); }, [](state& s) { s.send_to_thread(); }},
                        [](state& s) { s.check(1); });
}

TEST(model, timed_wait_of_a_goroutine) {
  expect_holds_in_both("deadline", [](const options& o) { return goroutine_waits<flaw::none>(o, 0); });
  expect_holds_in_both("1 sender", [](const options& o) { return goroutine_waits<flaw::none>(o, 1); });
  expect_holds_in_both("2 senders", [](const options& o) { return goroutine_waits<flaw::none>(o, 2); });
}

TEST(model, timed_wait_of_a_thread) {
  expect_holds_in_both("thread", [](const options& o) { return thread_waits<flaw::none>(o); });
}

TEST(model, timed_wait_needs_each_step) {
  expect_violated("leaves at once", goroutine_waits<flaw::leaves_at_once>({}, 1), "race");
  expect_violated("claims blindly", goroutine_waits<flaw::claims_blindly>({}, 1), "race");
  expect_violated("leaves its node", goroutine_waits<flaw::leaves_node>({}, 1), "race");
  expect_violated("forgets who has won", thread_waits<flaw::forgets_the_won>({}), "race");
}

}  // namespace
}  // namespace goro::model
