#include "model/explorer.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <sstream>

#include "arch/switch.hpp"

namespace goro::model {

namespace {

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

  explorer(const options& how, const std::vector<std::function<void()>>& bodies, const std::function<void()>& setup,
           const std::function<void()>& check)
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
  static void start(detail::machine*);

  void execute();
  bool backtrack();
  int choose_thread();
  bool extend_path();
  void add_step(step_kind kind, int t, std::size_t entry);
  void list_steps();
  void list_steps_of(int t);
  bool can_run(int t) const;
  void pass_turn();
  void switch_to(int to);
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

explorer* running = nullptr;

outcome explorer::explore() {
  const auto begin = std::chrono::steady_clock::now();
  for (thread& t : threads_) t.stack.reset(new std::byte[k_stack_size]);
  do {
    if (result_.executions == how_.max_executions) {
      result_.violation = "too many executions: the test is too large";
      break;
    }
    ++result_.executions;
    execute();
    if (!result_.violation.empty()) {
      tracing_ = true;
      execute();  // once more, for the trace
      result_.trace = trace_.str();
      break;
    }
    if (!cut_off_) ++result_.completed;
  } while (backtrack());
  result_.states = visited_.size();
  result_.time =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
  return result_;
}

// To the next choice that has not been taken; false if there is none.
bool explorer::backtrack() {
  while (!path_.empty() && path_.back().taken + 1 == path_.back().count) path_.pop_back();
  if (path_.empty()) return false;
  ++path_.back().taken;
  steps_.resize(path_.back().first + path_.back().count);
  return true;
}

void explorer::execute() {
  memory_.reset(how_.rules, how_.ids);
  sleepers_.clear();
  depth_ = 0;
  spurious_left_ = how_.spurious;
  cut_off_ = false;
  setup_();
  starting_ = true;
  for (int t = 0; t != count_; ++t) {
    thread& th = at(t);
    th.sp = detail::arch_prepare(th.stack.get() + k_stack_size, &explorer::start);
    th.state = thread_state::ready;
    th.history = static_cast<std::uint64_t>(t);
    th.woken_up = false;
    th.load.just_done = false;
    switch_to(t);  // up to its first operation
  }
  starting_ = false;
  pass_turn();
  if (!cut_off_ && result_.violation.empty()) check_();
}

// The first function on a thread's stack.
void explorer::start(detail::machine*) {
  explorer& e = *running;
  e.bodies_[static_cast<std::size_t>(e.current_)]();
  e.at(e.current_).state = thread_state::ended;
  e.trace("ends");
  if (e.starting_) e.switch_to(k_main);
  e.pass_turn();
  std::abort();  // nobody runs what has ended
}

void explorer::switch_to(int to) {
  const int from = current_;
  current_ = to;
  detail::goro_arch_switch(&at(from).sp, at(to).sp, nullptr);
  current_ = from;
}

// Stands before every operation that others may notice: returns when it is this thread's turn.
void explorer::point() {
  if (current_ == k_main) return;
  if (std::exchange(at(current_).woken_up, false)) return;
  if (starting_) {
    switch_to(k_main);
  } else {
    pass_turn();
  }
}

void explorer::pass_turn() {
  const int next = choose_thread();
  if (next != current_) switch_to(next);
}

// Takes steps until one is a thread's; returns that thread, or k_main when the execution is over.
int explorer::choose_thread() {
  for (;;) {
    if (depth_ == path_.size() && !extend_path()) return k_main;
    const choice& here = path_[depth_++];
    const step next = steps_[here.first + here.taken];
    switch (next.kind) {
      case step_kind::run:
        return next.thread;
      case step_kind::flush: {
        const memory::index word = memory_.flush(next.thread, next.entry);
        if (tracing_) trace_ << "   store of T" << int{next.thread} << " to a" << word << " becomes visible\n";
        break;
      }
      case step_kind::spurious:
        --spurious_left_;
        leave_futex(next.thread, false);
        break;
      case step_kind::deadline:
        leave_futex(next.thread, true);
        break;
    }
  }
}

// Finds out what can be done where no execution has been yet; false if the present one ends here.
bool explorer::extend_path() {
  if (tracing_) return false;
  const std::size_t first = steps_.size();
  list_steps();
  const std::size_t count = steps_.size() - first;
  if (count == 0) {
    end_without_steps();
    return false;
  }
  if (path_.size() == how_.max_steps) result_.violation = "no end in sight (livelock?)";
  if (count > 1 && how_.merge && !visited_.insert(state_hash())) cut_off_ = true;
  if (cut_off_ || !result_.violation.empty()) {
    steps_.resize(first);
    return false;
  }
  path_.push_back({first, count, 0});
  return true;
}

void explorer::add_step(step_kind kind, int t, std::size_t entry) {
  steps_.push_back({kind, static_cast<std::uint8_t>(t), static_cast<std::uint16_t>(entry)});
}

void explorer::list_steps() {
  // The present thread first: it needs no switch.
  if (current_ != k_main && can_run(current_)) add_step(step_kind::run, current_, 0);
  for (int t = 0; t != count_; ++t) list_steps_of(t);
}

void explorer::list_steps_of(int t) {
  if (t != current_ && can_run(t)) add_step(step_kind::run, t, 0);
  for (std::size_t i = 0; i != memory_.pending(t); ++i) {
    if (memory_.may_flush(t, i)) add_step(step_kind::flush, t, i);
  }
  if (at(t).state != thread_state::in_futex) return;
  if (at(t).has_deadline) add_step(step_kind::deadline, t, 0);
  if (spurious_left_ != 0) add_step(step_kind::spurious, t, 0);
}

bool explorer::can_run(int t) const {
  const thread& th = at(t);
  if (th.state == thread_state::awaits_change) return memory_.visible(t, th.load.word).id != th.load.id;
  if (th.state == thread_state::awaits_value) return memory_.visible(t, th.wanted.word).data == th.wanted.data;
  return th.state == thread_state::ready;
}

void explorer::end_without_steps() {
  std::string stuck;
  for (int t = 0; t != count_; ++t) {
    if (at(t).state == thread_state::ended) continue;
    if (at(t).state == thread_state::in_futex && how_.may_end_asleep) continue;
    stuck += " T" + std::to_string(t);
    stuck += at(t).state == thread_state::in_futex ? " sleeps" : " spins";
  }
  if (!stuck.empty()) result_.violation = "deadlock:" + stuck;
}

std::uint64_t explorer::state_hash() const {
  std::uint64_t hash = mix(memory_.hash(), static_cast<std::uint64_t>(spurious_left_));
  for (int t = 0; t != count_; ++t) {
    const thread& th = at(t);
    hash = mix(hash, th.history);
    hash = mix(hash, static_cast<std::uint64_t>(th.state) * 2 + (th.by_deadline ? 1 : 0));
    if (th.state == thread_state::awaits_change) hash = mix(hash, th.load.id);
  }
  for (const int t : sleepers_) hash = mix(hash, static_cast<std::uint64_t>(t));
  return hash;
}

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

const char* name(std::memory_order order) {
  switch (order) {
    case std::memory_order_relaxed: return "relaxed";
    case std::memory_order_consume: return "consume";
    case std::memory_order_acquire: return "acquire";
    case std::memory_order_release: return "release";
    case std::memory_order_acq_rel: return "acq_rel";
    case std::memory_order_seq_cst: return "seq_cst";
  }
  return "?";
}

}  // namespace

outcome explore(const options& how, const std::vector<std::function<void()>>& threads,
                const std::function<void()>& setup, const std::function<void()>& check) {
  if (running || threads.empty() || threads.size() > k_max_threads) std::abort();
  explorer e(how, threads, setup, check);
  running = &e;
  outcome result = e.explore();
  running = nullptr;
  return result;
}

void require(bool condition, const char* what) {
  if (!condition) running->violate(what);
}

void forget(std::uint64_t where) { running->forget(where); }

namespace engine {

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
  running->violate("race: c" + std::to_string(cell) + " is written while nothing orders it after another access");
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
}  // namespace goro::model
