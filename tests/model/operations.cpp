// What the threads do: the operations of the modelled atomics, as steps of the exploration under way.
#include <algorithm>
#include <cstdlib>
#include <utility>

#include "model/explorer_impl.hpp"

namespace goro::model {

namespace engine {

void explorer::observe(std::uint64_t what) noexcept {
  if (current_ == k_main) return;
  thread& th = at(current_);
  th.history = mix(th.history, what);
  th.load.just_done = false;
}

memory::bits explorer::load(memory::index word, std::memory_order order) {
  point();
  if (current_ == k_main) return memory_.peek(word);
  thread& th = at(current_);
  th.load = {word, 0, th.history, memory_.clock(current_), true};
  const memory::value got = memory_.load(current_, word, order);
  th.load.id = got.id;
  th.history = mix(th.history, got.id);
  return got.data;
}

void explorer::await_change() {
  if (current_ == k_main || !at(current_).load.just_done) std::abort();  // see explorer.hpp
  thread& th = at(current_);
  trace("backs off");
  th.history = th.load.history;
  memory_.set_clock(current_, th.load.clock);
  th.state = thread_state::awaits_change;
  pass_turn();
  th.state = thread_state::ready;
  th.woken_up = true;
}

void explorer::await_equal(memory::index word, memory::bits data) {
  if (current_ == k_main) return;
  thread& th = at(current_);
  th.wanted = {word, data};
  th.state = thread_state::awaits_value;
  if (starting_) {
    switch_to(k_main);
  } else {
    pass_turn();
  }
  th.state = thread_state::ready;
  th.woken_up = true;
}

bool explorer::futex_wait(memory::index word, memory::bits expected, bool has_deadline) {
  point();
  if (current_ == k_main) std::abort();  // a check must not wait
  memory_.drain(current_);
  const memory::value now = memory_.visible(current_, word);
  observe(now.id);
  if (now.data != expected) {
    trace("futex_wait(a", word, "): has changed");
    return false;
  }
  trace("futex_wait(a", word, "): sleeps");
  thread& th = at(current_);
  th.state = thread_state::in_futex;
  th.futex = word;
  th.has_deadline = has_deadline;
  th.by_deadline = false;
  sleepers_.push_back(current_);
  pass_turn();
  th.woken_up = true;
  observe(th.by_deadline ? 2 : 1);
  trace(th.by_deadline ? "its deadline has come" : "is awake");
  return std::exchange(th.by_deadline, false);
}

int explorer::futex_wake(memory::index word, int most) {
  point();
  memory_.drain(current_);
  int woken = 0;
  for (std::size_t i = 0; i != sleepers_.size() && woken != most;) {
    const int t = sleepers_[i];
    if (at(t).futex != word) {
      ++i;
      continue;
    }
    leave_futex(t, false);
    ++woken;
  }
  observe(static_cast<std::uint64_t>(woken));
  trace("futex_wake(a", word, "): ", woken);
  return woken;
}

void explorer::leave_futex(int t, bool by_deadline) {
  sleepers_.erase(std::find(sleepers_.begin(), sleepers_.end(), t));
  at(t).state = thread_state::ready;
  at(t).by_deadline = by_deadline;
}

void explorer::membarrier() {
  point();
  memory_.fence_all(current_, count_);
  observe(1);
  trace("heavy fence");
}

// In a thread this does not return: the execution is over.
void explorer::violate(std::string what) {
  trace("VIOLATION: ", what);
  if (result_.violation.empty()) result_.violation = std::move(what);
  if (current_ != k_main) switch_to(k_main);
}

namespace {

const char* name(std::memory_order order) {
  switch (order) {
    case std::memory_order_relaxed:
      return "relaxed";
    case std::memory_order_consume:
      return "consume";
    case std::memory_order_acquire:
      return "acquire";
    case std::memory_order_release:
      return "release";
    case std::memory_order_acq_rel:
      return "acq_rel";
    case std::memory_order_seq_cst:
      return "seq_cst";
  }
  return "?";
}

}  // namespace

memory_index add_word(bits initial) { return running->shared().add_word(initial); }

memory_index add_cell(bits initial) { return running->shared().add_cell(initial); }

bits load(memory_index word, std::memory_order order) {
  const bits data = running->load(word, order);
  running->trace("load a", word, " ", name(order), ": ", data);
  return data;
}

// No step: nobody notices a store before it leaves the buffer.
void store(memory_index word, bits data, std::memory_order order) {
  if (order == std::memory_order_seq_cst) running->point();
  running->stored();  // it may leave the buffer before the thread's next operation
  running->shared().store(running->self(), word, data, order);
  running->trace("store a", word, " = ", data, " ", name(order));
}

bits read_modify_write(memory_index word, memory::operation apply, bits operand, std::memory_order order) {
  running->point();
  memory& shared = running->shared();
  const memory::value old = shared.read_modify_write(running->self(), word, nullptr, apply, operand, order);
  running->observe(old.id);
  running->trace("modify a", word, " ", name(order), ": ", old.data, " -> ", shared.peek(word));
  return old.data;
}

bool compare_exchange(memory_index word, bits& expected, bits desired, std::memory_order success) {
  running->point();
  const memory::value old = running->shared().read_modify_write(
      running->self(), word, &expected, [](bits, bits x) { return x; }, desired, success);
  running->observe(old.id);
  const bool done = old.data == expected;
  running->trace("compare a", word, " with ", expected, " ", name(success), ": ", old.data,
                 done ? ", exchanged" : ", fails");
  expected = old.data;
  return done;
}

void read_cell(memory_index cell) {
  if (running->shared().read_cell(running->self(), cell)) return;
  running->violate("race: c" + std::to_string(cell) + " is read while nothing orders it after a write");
}

void write_cell(memory_index cell, bits data) {
  if (running->shared().write_cell(running->self(), cell, data)) return;
  running->violate("race: c" + std::to_string(cell) +
                   " is written while nothing orders it after another access");
}

bits read_ghost(memory_index word) {
  const bits data = running->shared().peek(word);
  running->observe(data);
  return data;
}

void write_ghost(memory_index word, bits data) { running->shared().poke(word, data); }

void compiler_barrier() {
  running->point();
  running->shared().issue(running->self());
  running->observe(1);
  running->trace("light fence");
}

void full_fence() {
  running->point();
  running->shared().drain(running->self());
  running->observe(1);
  running->trace("full fence");
}

void membarrier() { running->membarrier(); }

void await_change() { running->await_change(); }

void await_equal(memory_index word, bits wanted) { running->await_equal(word, wanted); }

bool futex_wait(memory_index word, bits expected, bool has_deadline) {
  return running->futex_wait(word, expected, has_deadline);
}

int futex_wake(memory_index word, int most) { return running->futex_wake(word, most); }

}  // namespace engine

void require(bool condition, const char* what) {
  if (!condition) engine::running->violate(what);
}

void forget(std::uint64_t where) { engine::running->forget(where); }

}  // namespace goro::model
