#include "model/explorer.hpp"

#include <cstdlib>

#include "arch/switch.hpp"
#include "model/explorer_impl.hpp"

namespace goro::model {

namespace engine {

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
    th.state = thread_state::ready;
    th.history = static_cast<std::uint64_t>(t);
    th.woken_up = false;
    th.load.just_done = false;
    switch_to(t, &explorer::start);  // up to its first operation
  }
  starting_ = false;
  pass_turn();
  if (!cut_off_ && result_.violation.empty()) check_();
}

// The first function on a thread's stack.
detail::departure explorer::start(detail::machine*) {
  explorer& e = *running;
  e.bodies_[static_cast<std::size_t>(e.current_)]();
  e.at(e.current_).state = thread_state::ended;
  e.trace("ends");
  if (e.starting_) e.switch_to(k_main);
  e.pass_turn();
  std::abort();  // nobody runs what has ended
}

// With `first`, its first function, the thread begins; else it continues.
void explorer::switch_to(int to, detail::start_function first) {
  const int from = current_;
  current_ = to;
  void* const to_sp = first ? at(to).stack.get() + k_stack_size : at(to).sp;
  detail::switch_context(&at(from).sp, to_sp, nullptr, first);
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
        if (tracing_)
          trace_ << "   store of T" << int{next.thread} << " to a" << word << " becomes visible\n";
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
  if (th.state == thread_state::awaits_value)
    return memory_.visible(t, th.wanted.word).data == th.wanted.data;
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

}  // namespace engine

outcome explore(const options& how, const std::vector<std::function<void()>>& threads,
                const std::function<void()>& setup, const std::function<void()>& check) {
  if (engine::running || threads.empty() || threads.size() > k_max_threads) std::abort();
  engine::explorer e(how, threads, setup, check);
  engine::running = &e;
  outcome result = e.explore();
  engine::running = nullptr;
  return result;
}

}  // namespace goro::model
