#include "diag/chan_waits.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <span>

#include "chan/waits.hpp"
#include "sched/waiter.hpp"

namespace goro::detail {

namespace {

// Bytes that were read as those of a T.
template <class T>
struct copy_of {
  alignas(T) std::byte bytes[sizeof(T)];
  bool read(const own_memory& memory, std::uintptr_t from) noexcept {
    return memory.read(from, bytes, sizeof bytes) == sizeof bytes;
  }
  const T& get() const noexcept { return *std::launder(reinterpret_cast<const T*>(bytes)); }
};

class finder {
 public:
  finder(const goroutine& g, const own_memory& memory, std::span<const std::uintptr_t> stack,
         chan_waits& found)
      : self_(reinterpret_cast<std::uintptr_t>(&g)), memory_(memory), stack_(stack), found_(found) {
    const auto* const closure = reinterpret_cast<const std::uintptr_t*>(g.inline_closure);
    std::copy_n(closure, captures_.size(), captures_.begin());
  }

  bool find(wait_reason reason) noexcept {
    for (std::size_t i = 0; i != stack_.size(); ++i) {
      if (stack_[i] != self_) continue;
      const std::uintptr_t at = found_.stack_first + i * k_word;
      if (reason == wait_reason::select ? find_select(at) : find_operation(at)) return all_are_held_here();
    }
    return false;
  }

 private:
  bool only_waiter(std::uintptr_t core, std::uintptr_t node) const noexcept {
    copy_of<chan_core> c;
    if (core % alignof(chan_core) != 0 || !c.read(memory_, core)) return false;
    const auto alone = [node](const wait_queue& q) {
      return reinterpret_cast<std::uintptr_t>(q.first.load(std::memory_order_relaxed)) == node &&
             reinterpret_cast<std::uintptr_t>(q.last) == node;
    };
    return !c.get().of_timer && (alone(c.get().receivers) || alone(c.get().senders));
  }

  bool is_queued(std::uintptr_t node, std::uintptr_t claim) const noexcept {
    copy_of<wait_node> n;
    if (!n.read(memory_, node)) return false;
    std::uintptr_t who = 0;
    std::memcpy(&who, &n.get().who, sizeof who);
    unsigned char queued = 0;
    std::memcpy(&queued, &n.get().queued, 1);
    return who == self_ && queued == 1 && !n.get().next && !n.get().prev &&
           reinterpret_cast<std::uintptr_t>(n.get().claim) == claim;
  }

  bool find_operation(std::uintptr_t at) noexcept {
    const std::uintptr_t node = at - offsetof(wait_node, who);
    if (node < found_.stack_first || node + sizeof(wait_node) > found_.stack_end || !is_queued(node, 0))
      return false;
    const auto is_it = [this, node](std::uintptr_t word) { return only_waiter(word, node); };
    const auto on_stack = std::find_if(stack_.begin(), stack_.end(), is_it);
    const auto captured = std::find_if(captures_.begin(), captures_.end(), is_it);
    if (on_stack == stack_.end() && captured == captures_.end()) return false;
    found_.cores[0] = on_stack != stack_.end() ? *on_stack : *captured;
    found_.count = 1;
    return true;
  }

  bool find_select(std::uintptr_t at) noexcept {
    const select_layout& l = layout_of_select();
    const std::uintptr_t wait = at - l.wait_who;
    if (wait < found_.stack_first || wait + l.wait_size > found_.stack_end) return false;
    unsigned char timed = 1;
    // That a wait of this goroutine can still be ended; of which record, its nodes tell, which must be
    // queued.
    const std::uintptr_t claim = self_ + offsetof(goroutine, claim);
    copy_of<claim_word> word;
    std::uintptr_t c = 0;
    if (!memory_.read(wait + l.wait_timed, timed) || timed != 0 || !word.read(memory_, claim) ||
        !word.get().is_open() || !memory_.read(wait + l.wait_first, c))
      return false;
    found_.count = 0;
    for (; c != 0; ++found_.count) {
      std::uintptr_t core = 0;
      if (found_.count == chan_waits::k_most || !memory_.read(c + l.case_core, core) ||
          !is_queued(c + l.case_node, claim) || !only_waiter(core, c + l.case_node))
        return false;
      found_.cores[found_.count] = core;
      if (!memory_.read(c + l.case_next, c)) return false;
    }
    return found_.count != 0;
  }

  // At least a word for each handle.
  bool all_are_held_here() const noexcept {
    return std::all_of(
        found_.cores.begin(), found_.cores.begin() + found_.count, [this](std::uintptr_t core) {
          copy_of<chan_core> c;
          if (!c.read(memory_, core)) return false;
          const auto words = std::count(stack_.begin(), stack_.end(), core) +
                             std::count(captures_.begin(), captures_.end(), core);
          return static_cast<std::uint64_t>(words) >= c.get().refs.load(std::memory_order_relaxed);
        });
  }

  std::uintptr_t self_;
  const own_memory& memory_;
  std::span<const std::uintptr_t> stack_;
  chan_waits& found_;
  std::array<std::uintptr_t, goroutine::k_inline_closure / k_word> captures_{};
};

}  // namespace

bool find_chan_waits(const goroutine& g, const own_memory& memory, stack_words& scratch,
                     chan_waits& found) noexcept {
  const stack_slot* s = g.stack();
  found.stack_first = reinterpret_cast<std::uintptr_t>(g.sp.load(std::memory_order_acquire)) + k_word;
  if (!s || found.stack_first == k_word) return false;
  found.stack_end = reinterpret_cast<std::uintptr_t>(s->top);
  found.captures_first = reinterpret_cast<std::uintptr_t>(g.inline_closure);
  found.captures_end = found.captures_first + goroutine::k_inline_closure;
  const std::size_t bytes = found.stack_end - found.stack_first;
  if (found.stack_end < found.stack_first || bytes > sizeof scratch.words ||
      memory.read(found.stack_first, scratch.words.data(), bytes) != bytes)
    return false;
  return finder(g, memory, {scratch.words.data(), bytes / k_word}, found)
      .find(g.reason.load(std::memory_order_relaxed));
}

}  // namespace goro::detail
