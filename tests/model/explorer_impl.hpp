// The inside of the explorer: explorer.cpp searches, operations.cpp carries out what the threads do.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "arch/switch.hpp"
#include "model/explorer.hpp"
#include "model/memory.hpp"

namespace goro::detail {
struct machine;
}

namespace goro::model::engine {

// A set of hashes: open addressing, 0 means empty.
class hash_set {
 public:
  bool insert(std::uint64_t hash) {
    if (hash == 0) hash = 1;
    if (size_ * 2 >= slots_.size()) grow();
    std::uint64_t& slot = find(hash);
    if (slot == hash) return false;
    slot = hash;
    ++size_;
    return true;
  }
  std::size_t size() const noexcept { return size_; }

 private:
  std::uint64_t& find(std::uint64_t hash) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t i = hash & mask;
    while (slots_[i] != 0 && slots_[i] != hash) i = (i + 1) & mask;
    return slots_[i];
  }
  void grow() {
    std::vector<std::uint64_t> old(std::max<std::size_t>(1024, slots_.size() * 2));
    old.swap(slots_);
    for (const std::uint64_t hash : old) {
      if (hash != 0) find(hash) = hash;
    }
  }

  std::vector<std::uint64_t> slots_;
  std::size_t size_ = 0;
};

enum class thread_state { ready, awaits_change, awaits_value, in_futex, ended };

struct thread {
  // Its context.
  std::unique_ptr<std::byte[]> stack;
  void* sp = nullptr;

  thread_state state = thread_state::ready;
  std::uint64_t history = 0;  // of all that it has read: with the code this determines what it does next
  bool woken_up = false;      // it resumes after a wait: its next operation belongs to the same step

  // Its last load, and what it knew before: backoff() takes the load back and waits for another value.
  struct {
    memory::index word = 0;
    store_id id = 0;
    std::uint64_t history = 0;
    vector_clock clock{};
    bool just_done = false;  // no other operation since
  } load;

  // What it awaits to be equal.
  struct {
    memory::index word = 0;
    memory::bits data = 0;
  } wanted;

  // In a futex.
  memory::index futex = 0;
  bool has_deadline = false;
  bool by_deadline = false;
};

enum class step_kind : std::uint8_t { run, flush, deadline, spurious };

struct step {
  step_kind kind;
  std::uint8_t thread;
  std::uint16_t entry;
};

class explorer {
 public:
  static constexpr std::size_t k_stack_size = 128 * 1024;

  explorer(const options& how, const std::vector<std::function<void()>>& bodies,
           const std::function<void()>& setup, const std::function<void()>& check)
      : how_(how), bodies_(bodies), setup_(setup), check_(check), count_(static_cast<int>(bodies.size())) {}

  outcome explore();

  // --- what the threads call, through namespace engine ---

  int self() const noexcept { return current_; }
  memory& shared() noexcept { return memory_; }
  void point();
  void stored() noexcept { at(current_).woken_up = at(current_).load.just_done = false; }
  void observe(std::uint64_t what) noexcept;
  memory::bits load(memory::index word, std::memory_order order);
  void await_change();
  void await_equal(memory::index word, memory::bits data);
  bool futex_wait(memory::index word, memory::bits expected, bool has_deadline);
  int futex_wake(memory::index word, int most);
  void violate(std::string what);
  void membarrier();
  void forget(std::uint64_t where) noexcept {
    if (how_.ids == identity::value) at(current_).history = mix(where, static_cast<std::uint64_t>(current_));
  }

  template <class... Parts>
  void trace(const Parts&... parts) {
    if (!tracing_) return;
    if (current_ != k_main) trace_ << "T" << current_ << " ";
    (trace_ << ... << parts) << "\n";
  }

 private:
  static detail::departure start(detail::machine*);

  void execute();
  bool backtrack();
  int choose_thread();
  bool extend_path();
  void add_step(step_kind kind, int t, std::size_t entry);
  void list_steps();
  void list_steps_of(int t);
  bool can_run(int t) const;
  void pass_turn();
  void switch_to(int to, detail::start_function first = nullptr);
  void leave_futex(int t, bool by_deadline);
  void end_without_steps();
  std::uint64_t state_hash() const;
  thread& at(int t) { return threads_[static_cast<std::size_t>(t)]; }
  const thread& at(int t) const { return threads_[static_cast<std::size_t>(t)]; }

  const options how_;
  const std::vector<std::function<void()>>& bodies_;
  const std::function<void()>& setup_;
  const std::function<void()>& check_;
  const int count_;

  // The search: the steps of the present execution, and for each what else could have been done there.
  struct choice {
    std::size_t first;  // in steps_
    std::size_t count;
    std::size_t taken;
  };
  std::vector<choice> path_;
  std::vector<step> steps_;
  hash_set visited_;
  outcome result_;

  // The execution under way.
  memory memory_;
  std::array<thread, k_max_threads + 1> threads_;  // the last is the explorer itself
  std::vector<int> sleepers_;                      // in futexes, in the order in which they came
  int current_ = k_main;
  bool starting_ = false;
  bool cut_off_ = false;
  int spurious_left_ = 0;
  std::size_t depth_ = 0;
  bool tracing_ = false;
  std::ostringstream trace_;
};

// The exploration under way.
extern explorer* running;

}  // namespace goro::model::engine
