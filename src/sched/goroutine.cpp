#include "sched/goroutine.hpp"

#include <new>

#include "diag/fatal.hpp"
#include "os/memory.hpp"

namespace goro::detail {

namespace {

// Descriptors come from slabs of 256 KB that are never unmapped; the slabs form a list that a dump can walk.
struct slab {
  slab* next;
  std::size_t used;
};
constexpr std::size_t k_slab_bytes = std::size_t{256} << 10;
constexpr std::size_t k_first =
    (sizeof(slab) + alignof(goroutine) - 1) / alignof(goroutine) * alignof(goroutine);
constexpr std::size_t k_per_slab = (k_slab_bytes - k_first) / sizeof(goroutine);

struct depot {
  lock guard;
  chain<goroutine> free;
  std::atomic<slab*> slabs{nullptr};
};
constinit depot g_depot;

goroutine* element(slab* s, std::size_t i) noexcept {
  return std::launder(reinterpret_cast<goroutine*>(reinterpret_cast<std::byte*>(s) + k_first)) + i;
}

// Fills a list with a new slab's descriptors. The depot's lock is held.
void grow(chain<goroutine>& to) {
  std::byte* memory = map_memory(k_slab_bytes);
  if (!memory) throw std::bad_alloc();
  commit({.first = memory, .bytes = k_slab_bytes, .stride = k_slab_bytes, .count = 1});
  auto* s = ::new (memory) slab{.next = g_depot.slabs.load(std::memory_order_relaxed), .used = k_per_slab};
  for (std::size_t i = 0; i != k_per_slab; ++i) to.push_back(::new (element(s, i)) goroutine);
  g_depot.slabs.store(s, std::memory_order_release);  // pairs with for_each_descriptor
}

}  // namespace

void bad_transition(const goroutine* gp, g_status from, g_status to) noexcept {
  static constexpr const char* k_names[] = {"dead", "runnable", "running", "waiting"};
  std::string text = "goro: goroutine " + std::to_string(gp->id.load(std::memory_order_relaxed)) + " is ";
  text += k_names[static_cast<int>(gp->status.load(std::memory_order_relaxed))];
  text += std::string(" when it should go from ") + k_names[static_cast<int>(from)] + " to " +
          k_names[static_cast<int>(to)];
  fatal(text);
}

lock& names_lock() noexcept {
  static constinit lock names;
  return names;
}

goroutine* goroutine_cache::refill() {
  const lock_guard guard(g_depot.guard);
  if (g_depot.free.size == 0) grow(g_depot.free);
  while (free_.size < k_batch && g_depot.free.first) free_.push_back(g_depot.free.pop_front());
  return free_.pop_front();
}

void goroutine_cache::spill() noexcept {
  chain<goroutine> keep;  // the most recently used ones
  while (keep.size < k_batch) keep.push_back(free_.pop_front());
  flush();
  free_ = keep;
}

void goroutine_cache::flush() noexcept {
  const lock_guard guard(g_depot.guard);
  g_depot.free.append(free_);
  free_ = {};
}

goroutine* take_shared_descriptor() {
  const lock_guard guard(g_depot.guard);
  if (g_depot.free.size == 0) grow(g_depot.free);
  return g_depot.free.pop_front();
}

void give_shared_descriptor(goroutine* gp) noexcept {
  const lock_guard guard(g_depot.guard);
  g_depot.free.push_back(gp);
}

void for_each_descriptor(void (*visit)(const goroutine& g, void* arg), void* arg) noexcept {
  for (slab* s = g_depot.slabs.load(std::memory_order_acquire); s; s = s->next) {  // pairs with grow()
    for (std::size_t i = 0; i != s->used; ++i) visit(*element(s, i), arg);
  }
}

}  // namespace goro::detail
