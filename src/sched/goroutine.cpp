#include "sched/goroutine.hpp"

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include "diag/fatal.hpp"
#include "diag/trace.hpp"
#include "os/memory.hpp"
#include "sched/idle_chain.hpp"

namespace goro::detail {

namespace {

// Descriptors come from slabs, which come from regions of 16 MB of address space, aligned to their size; the
// regions form a list that a dump can walk. A region begins with what there is to know of its slabs. A slab
// whose descriptors have all been free for a while gives its memory back. It is then raw: who walks leaves it
// out, because there are kernels where even to read such memory takes it anew. What who comes at that very
// moment reads there, zeros, is a dead goroutine, and good as new.
struct slab {
  slab* next_raw = nullptr;  // of those that are to be filled
  std::uint32_t cold = 0;    // while give_back_descriptors() counts: how many of its descriptors are idle
  // Relaxed: who knows of a goroutine knows of what happened before it began.
  std::atomic<bool> raw{false};
};
constexpr std::size_t k_region_bytes = std::size_t{16} << 20;
constexpr std::size_t k_header_bytes = 2 * k_page;
constexpr std::size_t k_slab_bytes = 15 * k_page;  // what one that lives on keeps from being given back
constexpr std::size_t k_per_slab = k_slab_bytes / sizeof(goroutine);
constexpr std::size_t k_slabs = (k_region_bytes - k_header_bytes) / k_slab_bytes;
static_assert(k_slab_bytes % sizeof(goroutine) == 0);

struct region {
  region* next = nullptr;
  std::atomic<std::size_t> used{0};  // of the slabs
  slab slabs[k_slabs];

  goroutine* descriptors() noexcept {
    return reinterpret_cast<goroutine*>(reinterpret_cast<std::byte*>(this) + k_header_bytes);
  }
};
static_assert(sizeof(region) <= k_header_bytes);

struct depot {
  lock guard;
  idle_chain<goroutine> free;
  slab* raw = nullptr;
  std::atomic<region*> regions{nullptr};  // the newest first
};
constinit depot g_depot;

static_assert(sizeof(region::used) == 8 && sizeof(slab::raw) == 1);

// That in which something lies.
region* region_of(void* p) noexcept {
  const std::size_t within = reinterpret_cast<std::uintptr_t>(p) % k_region_bytes;
  return reinterpret_cast<region*>(static_cast<std::byte*>(p) - within);
}

goroutine* first_of(slab* s) noexcept {
  region* const r = region_of(s);
  return r->descriptors() + static_cast<std::size_t>(s - r->slabs) * k_per_slab;
}

slab& slab_of(goroutine* gp) noexcept {
  region* const r = region_of(gp);
  const auto within =
      static_cast<std::size_t>(reinterpret_cast<std::byte*>(gp) - reinterpret_cast<std::byte*>(r));
  return r->slabs[(within - k_header_bytes) / k_slab_bytes];
}

region* new_region() {
  std::byte* memory = map_memory(2 * k_region_bytes);
  if (!memory) throw std::bad_alloc();
  const std::size_t before = k_region_bytes - reinterpret_cast<std::uintptr_t>(memory) % k_region_bytes;
  unmap_memory(memory, before);
  if (before != k_region_bytes) unmap_memory(memory + before + k_region_bytes, k_region_bytes - before);
  auto* const r = ::new (memory + before) region;
  sanitizer_root(r, k_region_bytes);  // of closures
  r->next = g_depot.regions.load(std::memory_order_relaxed);
  g_depot.regions.store(r, std::memory_order_release);  // pairs with for_each_descriptor()
  return r;
}

slab* new_slab() {
  region* r = g_depot.regions.load(std::memory_order_relaxed);
  if (!r || r->used.load(std::memory_order_relaxed) == k_slabs) r = new_region();
  const std::size_t i = r->used.load(std::memory_order_relaxed);
  for (std::size_t k = 0; k != k_per_slab; ++k) ::new (r->descriptors() + i * k_per_slab + k) goroutine;
  r->used.store(i + 1, std::memory_order_release);  // pairs with for_each_descriptor()
  return &r->slabs[i];
}

// Moves up to n free descriptors to a list. The depot's lock is held.
void take(chain<goroutine>& to, std::size_t n) {
  if (g_depot.free.size() == 0) {
    slab* s = g_depot.raw;
    if (s) {
      g_depot.raw = s->next_raw;
      s->raw.store(false, std::memory_order_relaxed);
    } else {
      s = new_slab();
    }
    goroutine* const first = first_of(s);
    chain<goroutine> filled;
    for (std::size_t i = 0; i != k_per_slab; ++i) filled.push_back(first + i);
    g_depot.free.put(filled);
  }
  while (to.size < n && g_depot.free.size() != 0) to.push_back(g_depot.free.take());
}

void give(chain<goroutine> those) noexcept {
  const lock_guard guard(g_depot.guard);
  g_depot.free.put(those);
}

}  // namespace

constinit const descriptor_map k_descriptor_map = {
    .regions = &g_depot.regions,
    .region_next = offsetof(region, next),
    .region_used = offsetof(region, used),
    .region_slabs = offsetof(region, slabs),
    .region_descriptors = k_header_bytes,
    .slab_size = sizeof(slab),
    .slab_raw = offsetof(slab, raw),
    .slab_descriptors = k_per_slab,
};

std::size_t give_back_descriptors() noexcept {
  constexpr std::size_t k_complete = k_per_slab + 1;
  chain<goroutine> idle = g_depot.free.take_idle(g_depot.guard, [](goroutine* gp) { ++slab_of(gp).cold; });
  chain<goroutine> stay;
  slab* complete = nullptr;
  while (goroutine* gp = idle.pop_front()) {
    slab& s = slab_of(gp);
    if (s.cold == k_per_slab) {
      s.cold = k_complete;  // once only
      s.next_raw = std::exchange(complete, &s);
    }
    if (s.cold != k_complete) stay.push_back(gp);
  }
  for (goroutine* gp = stay.first; gp; gp = gp->sched_link) slab_of(gp).cold = 0;
  {
    const lock_guard guard(g_depot.guard);
    g_depot.free.put_idle(stay);
  }
  std::size_t n = 0;
  while (slab* s = complete) {
    complete = s->next_raw;
    s->cold = 0;
    s->raw.store(true, std::memory_order_relaxed);
    discard(reinterpret_cast<std::byte*>(first_of(s)), k_slab_bytes);
    const lock_guard guard(g_depot.guard);
    s->next_raw = std::exchange(g_depot.raw, s);
    ++n;
  }
  return n;
}

namespace {

[[noreturn]] void bad_transition(const goroutine* gp, g_status from, g_status to) noexcept {
  static constexpr const char* k_names[] = {"dead", "runnable", "running", "waiting"};
  std::string text = "goro: goroutine " + std::to_string(gp->id.load(std::memory_order_relaxed)) + " is ";
  text += k_names[static_cast<int>(usual(gp->status.load(std::memory_order_relaxed)))];
  text += std::string(" when it should go from ") + k_names[static_cast<int>(from)] + " to " +
          k_names[static_cast<int>(to)];
  fatal(text);
}

}  // namespace

void rare_transition(goroutine* gp, g_status from, g_status to) noexcept {
  const g_status now = gp->status.load(std::memory_order_relaxed);
  if (usual(now) != from) bad_transition(gp, from, to);
  if (now != unmarked(now)) trace_ready(gp);  // before it stands in a queue
  const bool stays_locked = gp->is_locked() && to != g_status::dead;
  gp->status.store(stays_locked ? locked(to) : to, std::memory_order_release);  // pairs with snapshot()
}

lock& extras_lock() noexcept {
  static constinit lock extras;
  return extras;
}

goroutine_extras& extras_of(goroutine* gp) {
  if (!gp->extras) {
    auto* const extras = new goroutine_extras;
    const lock_guard guard(extras_lock());
    gp->extras = extras;
  }
  return *gp->extras;
}

goroutine* goroutine_cache::refill() {
  const lock_guard guard(g_depot.guard);
  take(free_, k_batch);
  return free_.pop_front();
}

void goroutine_cache::spill() noexcept {
  chain<goroutine> keep;  // the most recently used ones
  while (keep.size < k_batch) keep.push_back(free_.pop_front());
  flush();
  free_ = keep;
}

bool goroutine_cache::flush() noexcept {
  const chain<goroutine> all = std::exchange(free_, {});
  if (all.first) give(all);
  return all.first;
}

goroutine* take_shared_descriptor() {
  chain<goroutine> one;
  const lock_guard guard(g_depot.guard);
  take(one, 1);
  return one.first;
}

void give_shared_descriptor(goroutine* gp) noexcept {
  chain<goroutine> one;
  one.push_back(gp);
  give(one);
}

void see_descriptors() noexcept { const lock_guard guard(g_depot.guard); }

// Asks for the ones to come: in an idle program none is in a cache (a visit costs 15 ns instead of 65).
void for_each_descriptor(void (*visit)(goroutine& g, void* arg), void* arg) {
  constexpr std::size_t k_ahead = 16;
  region* r = g_depot.regions.load(std::memory_order_acquire);  // pairs with new_region()
  for (; r; r = r->next) {
    const std::size_t n = r->used.load(std::memory_order_acquire);  // pairs with new_slab()
    for (std::size_t i = 0; i != n; ++i) {
      if (r->slabs[i].raw.load(std::memory_order_relaxed)) continue;
      goroutine* const first = first_of(&r->slabs[i]);
      for (std::size_t k = 0; k != k_per_slab; ++k) {
        __builtin_prefetch(first + k + k_ahead);  // behind the last one: whatever is there
        visit(first[k], arg);
      }
    }
  }
}

}  // namespace goro::detail
