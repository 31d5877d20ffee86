// Runs two to four small threads in every order that there is, and reports the first one that goes wrong.
//
// The threads are contexts on stacks of their own, switched by hand: one real thread, no races, no time. Each
// stops before every operation that others can notice (model_atomics.hpp) and asks the explorer whose step
// comes next. A step is: one thread's next operation; or one store leaving a store buffer (memory.hpp). The
// explorer walks all sequences of steps depth first: an execution runs the chosen prefix again from the
// start, then takes the first choice wherever it comes to a new one; the next execution takes the next choice
// at the last place that has one.
//
// Merging keeps that finite in practice. What a thread does next is a function of what it has read; so the
// state of everything is: for each thread which stores its loads have returned so far, and what the words and
// buffers hold. An execution that comes to a state where another one has already been is cut off there: all
// its futures are or will be explored from the other. Reads are identified by the store they saw, not by its
// value, so that the vector clocks of the race detector are part of the state too. Hence the rule for tests:
// a thread depends on nothing but what it has read through the model. Plain variables of the state may be
// written by one thread and read by it and the check; what threads share for bookkeeping is a ghost<T>. An
// execution may be abandoned anywhere: no destructors run in threads, so nothing on their stacks may own
// memory.
//
// A protocol with endless loops has too many histories. With identity::value two states are the same when the
// values are, and a thread may say forget(): nothing that it has read so far matters any more. Races are not
// looked for then.
//
// Waiting is modelled, not run. backoff() stands in loops of the form `while (w.load(...) == x)
// backoff(spins)` and in no others: the load counts as not having happened, and the thread waits until w
// changes and loads again. futex_wait() waits for a wake. If nobody can take a step and a thread has not
// ended, that is a violation (deadlock, lost wake-up), and so is an execution without end.
//
// Not run in sanitizer builds: there is one thread only, and the sanitizers know nothing of these stacks.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/memory.hpp"

namespace goro::model {

struct options {
  ordering rules = ordering::tso;
  identity ids = identity::store;
  bool merge = true;
  bool may_end_asleep =
      false;         // threads may be left in a futex at the end; the check tells whether that is right
  int spurious = 0;  // so many futex_waits per execution may end for no reason
  std::size_t max_steps = 5'000;
  std::uint64_t max_executions = 5'000'000;  // above that the test is too large: a violation
};

struct outcome {
  std::string violation;  // empty: every execution went well
  std::string trace;      // the steps that lead to it
  std::uint64_t executions = 0;
  std::uint64_t completed = 0;  // of them those that ran to the end; the others met a known state
  std::uint64_t states = 0;     // in which there was a choice
  std::chrono::milliseconds time{0};
};

// In threads and checks: a violation unless `condition` holds. In a thread it does not return then.
void require(bool condition, const char* what);

// The calling thread starts anew: what it does from here on depends on `where` and on nothing that it has
// read before.
void forget(std::uint64_t where);

// Type-erased: `setup` makes the shared state before each execution, `check` looks at it after the last step.
outcome explore(const options& how, const std::vector<std::function<void()>>& threads,
                const std::function<void()>& setup, const std::function<void()>& check);

template <class State>
using thread_body = std::function<void(State&)>;

// Each execution begins with a new State.
template <class State>
outcome explore(
    const options& how, const std::vector<thread_body<State>>& bodies,
    const thread_body<State>& check = [](State&) {}) {
  std::optional<State> state;
  std::vector<std::function<void()>> threads;
  for (const auto& body : bodies) threads.emplace_back([&state, &body] { body(*state); });
  return explore(how, threads, [&state] { state.emplace(); }, [&state, &check] { check(*state); });
}

// The operations of the modelled atomics, on words and cells of the execution under way.
namespace engine {

using memory_index = memory::index;
using bits = memory::bits;

memory_index add_word(bits initial);
memory_index add_cell(bits initial);
bits load(memory_index word, std::memory_order order);
void store(memory_index word, bits data, std::memory_order order);
bits read_modify_write(memory_index word, memory::operation apply, bits operand, std::memory_order order);
bool compare_exchange(memory_index word, bits& expected, bits desired, std::memory_order success);
void read_cell(memory_index cell);
void write_cell(memory_index cell, bits data);
bits read_ghost(memory_index word);
void write_ghost(memory_index word, bits data);

void compiler_barrier();  // the thread's earlier stores stay before its later loads
void full_fence();        // the thread's earlier stores are visible
void membarrier();        // of all threads those before a compiler barrier
void await_change();
void await_equal(memory_index word, bits wanted);  // in one step with the operation that follows
// False: woken; true: the deadline came, which may be at any time. Returns at once if the word differs.
bool futex_wait(memory_index word, bits expected, bool has_deadline);
int futex_wake(memory_index word, int most);

}  // namespace engine
}  // namespace goro::model
