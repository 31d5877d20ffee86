// The protocol of blocking (sched/waiter.hpp, sched/switch.cpp): a goroutine queues itself under the lock of
// a channel, parks, and the lock is released only once nobody stands on its stack. Whoever takes it out of
// the queue makes it ready, and any machine may run it at once. It never runs while somebody stands on its
// stack, never twice, and never not at all.
#include <gtest/gtest.h>

#include "model/expect.hpp"
#include "model/model_atomics.hpp"
#include "sched/run_queue.hpp"

namespace goro::model {
namespace {

enum class flaw {
  none,
  unlocks_on_stack,   // the lock is released before the switch, not by its commit
  unlocks_and_looks,  // the lock is free between the look and the queueing
  stays_queued,       // the waker leaves the node in the queue
};

enum class status { runnable, running, waiting, done };

struct goroutine {
  goroutine* sched_link = nullptr;
  model_cell<status> now{status::running};
  model_cell<int> stack{0};        // written by everything that happens on the stack
  model_cell<bool> parked{false};  // its frame: where it goes on
  model_cell<bool> delivered{false};

  void transition(status from, status to) {
    require(now == from, "a transition from the wrong state");
    now = to;
  }
  void use_stack() { stack = stack + 1; }
};

template <class Atomics, flaw Flaw>
struct world {
  using queue_type = detail::run_queue<goroutine, 2, guarded_data<Atomics>>;

  goroutine g;
  queue_type queue;  // of the P on which the waker runs

  model_lock guard;
  model_cell<goroutine*> waiter{nullptr};  // the channel's queue
  model_cell<int> buffered{0};             // and its buffer

  // A receive: the goroutine's turn on the machine that has started it.
  void receive() {
    g.use_stack();
    guard.acquire();
    if (buffered != 0) {
      buffered = buffered - 1;
      guard.release();
      return finish();
    }
    if (Flaw == flaw::unlocks_and_looks) {
      guard.release();
      guard.acquire();
    }
    waiter = &g;
    g.transition(status::running, status::waiting);
    if (Flaw == flaw::unlocks_on_stack) guard.release();
    g.parked = true;
    g.use_stack();                                        // the switch saves its registers there
    if (Flaw != flaw::unlocks_on_stack) guard.release();  // the commit: on another stack
  }

  // A send, by a machine (then `mine` is its own P's queue) that afterwards runs what it has made ready.
  void send(bool mine) {
    guard.acquire();
    goroutine* gp = waiter;
    if (!gp) {
      buffered = buffered + 1;
      guard.release();
      return;
    }
    if (Flaw != flaw::stays_queued) waiter = nullptr;
    gp->delivered = true;
    guard.release();
    gp->transition(status::waiting, status::runnable);
    if (!mine) return resume(gp);
    require(queue.push_next(gp) == nullptr, "there is room");
  }

  void resume(goroutine* gp) {
    gp->transition(status::runnable, status::running);
    gp->use_stack();  // the switch takes its registers from there
    require(gp->parked && gp->delivered, "goes on without a reason");
    finish();
  }
  void finish() {
    g.use_stack();
    g.transition(status::running, status::done);
  }

  void run_own() {
    if (goroutine* gp = queue.pick([] {})) resume(gp);
  }
  void steal() {
    if (goroutine* gp = queue.steal().items.first) resume(gp);
  }

  void check(int sends) {
    if (goroutine* gp = queue.pick([] {})) resume(gp);  // it would have been run later
    require(g.now == status::done, "the goroutine is lost");
    require(buffered == sends - 1, "a value is lost");
  }
};

// One machine runs the goroutine and then steals; another one sends and runs what it has; a third one sends
// too.
template <class Atomics, flaw Flaw>
outcome park(const options& how, int senders) {
  using state = world<Atomics, Flaw>;
  std::vector<thread_body<state>> bodies;
  bodies.push_back([](state& s) {
    s.receive();
    s.steal();
  });
  bodies.push_back([](state& s) {
    s.send(true);
    s.run_own();
  });
  if (senders == 2) bodies.push_back([](state& s) { s.send(false); });
  return explore<state>(how, bodies, [=](state& s) { s.check(senders); });
}

TEST(model, park_ready) {
  expect_holds_in_both("park, 1 sender",
                       [](const options& o) { return park<model_atomics, flaw::none>(o, 1); });
  expect_holds_in_both("park, 2 senders",
                       [](const options& o) { return park<model_atomics, flaw::none>(o, 2); });
}

TEST(model, park_needs_each_step) {
  expect_violated("unlocks on its stack", park<model_atomics, flaw::unlocks_on_stack>({}, 1), "race");
  expect_violated("unlocks after the look", park<model_atomics, flaw::unlocks_and_looks>({}, 1), "lost");
  expect_violated("stays queued", park<model_atomics, flaw::stays_queued>({}, 2), "race");
}

}  // namespace
}  // namespace goro::model
