// A cycle among mutexes, found when it is closed.
//
// A mutex has no owner, and stays that way. With GORO_DEBUG=deadlocks=1 its inline fast paths expect a state
// that it is never in (detail::mutex_states), so that every lock and unlock comes through mutex.cpp, which
// notes here who has taken what:
//
//   lock    wait: queue a lock_wait, which lives on the waiter's stack, and look for a cycle;
//           take the mutex;  the wait is over;  note_locked
//   unlock  note_unlocked;  give the mutex away
//
// So a mutex that stands here as somebody's is locked, and nobody else has it: it is struck out before the
// mutex is free, by whoever unlocks. One that is not here belongs to nobody: who has been handed it but has
// not run yet is not noted, and need not be, because only who runs can close a cycle. Everybody waits for one
// mutex at most, and a mutex is one party's at most: so from each wait there is one way to go, and who closes
// a cycle finds it by going until it meets itself. A wait with a deadline does not stand here: it ends.
//
// It is not certain that a cycle is a deadlock: a mutex may be unlocked by somebody who does not hold it. So
// it is reported and nothing else happens. The report is made before the last one waits, outside of all
// locks, and once for the same parties and mutexes.
//
// One lock guards all of it: it is an inner lock, held for some steps along a chain, by goroutines and plain
// threads alike; memory comes from the kernel and is asked for without it. Not known are mutexes that were
// locked before the setting was read, which is at the first use of goro, and threads that have the number of
// one that has ended with a mutex in its hands.
#include "diag/lock_graph.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

#include <goro/detail/lock.hpp>
#include <goro/detail/race.hpp>
#include <goro/mutex.hpp>

#include "diag/lock_report.hpp"
#include "os/memory.hpp"

namespace goro::detail {

constinit mutex_states g_mutex_states;

void watch_locks() noexcept {
  g_mutex_states.free.store(mutex_states::k_never, std::memory_order_relaxed);
  g_mutex_states.locked.store(mutex_states::k_never, std::memory_order_relaxed);
}

namespace {

struct held_lock {
  const mutex* what = nullptr;
  party who;
  std::uintptr_t where = 0;
  held_lock* next = nullptr;
};

constexpr std::size_t k_buckets = 4093;

std::size_t bucket_of(const mutex* m) noexcept {
  return (reinterpret_cast<std::uintptr_t>(m) >> 2) % k_buckets;
}
std::size_t bucket_of(party who) noexcept { return who.number() % k_buckets; }

}  // namespace

// All of it. Its lock is held by who calls.
class lock_graph {
 public:
  lock guard;

  held_lock* find(const mutex* m) noexcept {
    held_lock* h = held_[bucket_of(m)];
    while (h && h->what != m) h = h->next;
    return h;
  }

  // False: there is no memory left for it.
  bool set(const mutex* m, party who, std::uintptr_t where) noexcept {
    held_lock* h = find(m);
    if (!h) {
      if (!free_) return false;
      h = std::exchange(free_, free_->next);
      h->next = std::exchange(held_[bucket_of(m)], h);
      h->what = m;
    }
    h->who = who;
    h->where = where;
    return true;
  }

  void erase(const mutex* m) noexcept {
    held_lock** at = &held_[bucket_of(m)];
    while (*at && (*at)->what != m) at = &(*at)->next;
    if (held_lock* const h = *at) {
      *at = h->next;
      h->next = std::exchange(free_, h);
    }
  }

  void add_free(held_lock* first, std::size_t n) noexcept {
    for (std::size_t i = 0; i != n; ++i) {
      auto* const h = ::new (first + i) held_lock;
      h->next = std::exchange(free_, h);
    }
  }

  void add(lock_wait& w) noexcept {
    lock_wait*& first = waits_[bucket_of(w.who_)];
    w.next_ = first;
    if (first) first->prev_ = &w;
    first = &w;
    ++wait_count_;
  }
  void remove(lock_wait& w) noexcept {
    (w.prev_ ? w.prev_->next_ : waits_[bucket_of(w.who_)]) = w.next_;
    if (w.next_) w.next_->prev_ = w.prev_;
    --wait_count_;
  }
  std::size_t wait_count() const noexcept { return wait_count_; }

  const lock_wait* find(party who) const noexcept {
    const lock_wait* w = waits_[bucket_of(who)];
    while (w && w->who_ != who) w = w->next_;
    return w;
  }

  template <class F>
  void for_each_waiting(const F& f) const {
    for (const lock_wait* w : waits_) {
      for (; w; w = w->next_) f(w->who_);
    }
  }

  // From this party back to it; false if the way does not lead there.
  bool follow(party from, lock_cycle& cycle) noexcept {
    cycle.size = 0;
    party at = from;
    while (const lock_wait* w = find(at)) {
      const held_lock* h = find(w->wanted_);
      if (!h || cycle.size == lock_cycle::k_longest) return false;
      cycle.links[cycle.size++] = {.who = at, .wanted = w->wanted_, .taken_at = h->where};
      at = h->who;
      if (at == from) return true;
    }
    return false;
  }

  // The same parties with the same mutexes: whoever closes the cycle.
  bool is_new(const lock_cycle& cycle) noexcept {
    std::uint64_t sum = cycle.size;
    for (std::size_t i = 0; i != cycle.size; ++i) {
      std::uint64_t mixed = reinterpret_cast<std::uintptr_t>(cycle.links[i].wanted) ^
                            cycle.links[i].who.number() << 32 ^ cycle.links[i].who.number();
      mixed = (mixed ^ mixed >> 31) * 0x9e3779b97f4a7c15U;
      sum += mixed ^ mixed >> 29;
    }
    if (std::find(told_.begin(), told_.end(), sum) != told_.end()) return false;
    told_[next_told_++ % told_.size()] = sum;
    return true;
  }

 private:
  std::array<held_lock*, k_buckets> held_{};
  std::array<lock_wait*, k_buckets> waits_{};
  held_lock* free_ = nullptr;
  std::size_t wait_count_ = 0;
  std::array<std::uint64_t, 64> told_{};  // the last ones
  std::size_t next_told_ = 0;
};

namespace {

constinit lock_graph g_graph;

bool provide_memory() noexcept {
  constexpr std::size_t k_bytes = std::size_t{64} << 10;
  std::byte* const memory = map_memory(k_bytes);
  if (!memory) return false;
  const lock_guard guard(g_graph.guard);
  g_graph.add_free(reinterpret_cast<held_lock*>(memory), k_bytes / sizeof(held_lock));
  return true;
}

}  // namespace

void note_locked(const mutex* m, std::uintptr_t where) noexcept {
  const race_hidden hidden;
  const party self = party::present();
  do {
    const lock_guard guard(g_graph.guard);
    if (g_graph.set(m, self, where)) return;
  } while (provide_memory());
}

void note_unlocked(const mutex* m) noexcept {
  const race_hidden hidden;
  const lock_guard guard(g_graph.guard);
  g_graph.erase(m);
}

lock_wait::lock_wait(const mutex* m) noexcept : who_(party::present()), wanted_(m) {
  const race_hidden hidden;
  lock_cycle cycle;
  {
    const lock_guard guard(g_graph.guard);
    g_graph.add(*this);
    cycle.is_new = g_graph.follow(who_, cycle) && g_graph.is_new(cycle);
  }
  if (cycle.is_new) report(cycle);
}

lock_wait::~lock_wait() {
  const race_hidden hidden;
  const lock_guard guard(g_graph.guard);
  g_graph.remove(*this);
}

std::vector<lock_cycle> lock_cycles() {
  std::vector<party> waiting;
  for (bool complete = false; !complete;) {
    constexpr std::size_t k_more = 64;
    waiting.reserve(waiting.capacity() + waiting.capacity() / 2 + k_more);
    const lock_guard guard(g_graph.guard);
    complete = g_graph.wait_count() <= waiting.capacity();
    if (complete) g_graph.for_each_waiting([&waiting](party who) { waiting.push_back(who); });
  }
  std::vector<lock_cycle> all;
  lock_cycle cycle;
  for (const party who : waiting) {
    bool found = false;
    {
      const lock_guard guard(g_graph.guard);
      found = g_graph.follow(who, cycle);
    }
    const auto of_it = [who](const lock_cycle& known) {
      const auto links = known.links.begin();
      return std::any_of(links, links + static_cast<std::ptrdiff_t>(known.size),
                         [who](const lock_link& l) { return l.who == who; });
    };
    if (found && std::none_of(all.begin(), all.end(), of_it)) all.push_back(cycle);
  }
  return all;
}

}  // namespace goro::detail
