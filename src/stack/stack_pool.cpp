#include "stack/stack_pool.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <utility>

#include "base/valgrind.hpp"
#include "diag/fatal.hpp"
#include "stack/stack_guard.hpp"

namespace goro::detail {

namespace {

constexpr unsigned k_smallest_log2 = 15;
static_assert(k_smallest_stack == std::size_t{1} << k_smallest_log2);

// [i]: stacks of 32 KB << i.
constinit std::array<stack_pool, 26> g_pools;
static_assert(k_largest_stack == k_smallest_stack << (g_pools.size() - 1));

// From here on a stack is deep: it is expected to be one of thousands at most, and may have large frames.
constexpr std::size_t k_deep = std::size_t{1} << 20;

// A frame that is larger than the guard may step over it into the neighbour, unless it was compiled with
// -fstack-clash-protection, which goro::goro asks of its users' compilers. 16 KB cost nothing measurable; 128
// KB, which let 100 KB frames be noticed in any case, cost 0.7 us when the stack is made.
constexpr std::size_t k_dense_guard = 4 * k_page;
constexpr std::size_t k_deep_guard = 32 * k_page;

// Stacks start at different lines of their first page (colours): without this the same frames of a thousand
// goroutines would share 1/64 of the cache. Within the first page, so that a shallow goroutine still touches
// one page only.
constexpr std::size_t k_colours = 24;
constexpr std::size_t k_line = 64;

// New stacks are made in batches that grow up to this, with one system call for the guards of all.
constexpr std::size_t k_largest_batch = 32;

constexpr std::size_t k_first_region = std::size_t{16} << 20;
// The tools clear their shadow of what is mapped.
constexpr std::size_t k_largest_region = std::size_t{k_sanitized ? 256 : 65'536} << 20;

}  // namespace

struct stack_pool::region {
  std::byte* base;
  std::byte* descriptors;
  stack_group* groups;
  std::size_t count;              // of groups
  std::atomic<std::size_t> used;  // of these
  region* next;
};

std::size_t stack_pool::size() const noexcept {
  return k_smallest_stack << static_cast<std::size_t>(this - g_pools.data());
}

std::size_t stack_pool::guard() const noexcept { return size() < k_deep ? k_dense_guard : k_deep_guard; }

// The size, and 1/64 more, so that the pages of page table of different stacks do not fall on the same sets
// of the caches either (a yield among a thousand goroutines on 1 GB each: 19 ns instead of 24); with the
// guard an odd number of pages.
std::size_t stack_pool::room() const noexcept {
  const std::size_t pages = (size() + size() / 64 + guard()) / k_page;
  return (pages | 1) * k_page - guard();
}

std::size_t stack_pool::group_slots() const noexcept { return size() < k_deep ? 256 : 8; }

// Large groups have pages of their own for their descriptors, which can then be given back.
std::size_t stack_pool::descriptor_bytes() const noexcept {
  const std::size_t bytes = group_slots() * sizeof(stack_slot);
  return bytes < k_page ? bytes : (bytes + k_page - 1) / k_page * k_page;
}

stack_pool* pool_for(std::size_t bytes) noexcept {
  for (stack_pool& pool : g_pools) {
    if (bytes <= pool.size()) return &pool;
  }
  return nullptr;
}

void for_each_pool(void (*visit)(stack_pool& pool, void* arg), void* arg) noexcept {
  for (stack_pool& pool : g_pools) visit(pool, arg);
}

// --- making stacks ---

// Twice as large as the last one, or what there is room for. The lock is held.
bool stack_pool::add_region() noexcept {
  region* const last = newest_region();
  const std::size_t group_bytes = group_slots() * distance();
  const std::size_t wish = last ? 2 * last->count * group_bytes : std::max(k_first_region, group_bytes);
  const std::size_t most = std::min(k_largest_region, stack_address_space() / 64);
  for (std::size_t n = std::max<std::size_t>(std::min(wish, most) / group_bytes, 1); n != 0; n /= 2) {
    std::byte* const base = map_stacks(n * group_bytes);
    if (!base) continue;
    std::byte* const descriptors = map_memory(n * descriptor_bytes());
    std::byte* const groups = map_memory(n * sizeof(stack_group));
    auto* const r = new (std::nothrow) region{.base = base,
                                              .descriptors = descriptors,
                                              .groups = reinterpret_cast<stack_group*>(groups),
                                              .count = n,
                                              .used = 0,
                                              .next = last};
    if (!descriptors || !groups || !r) {
      unmap_memory(base, n * group_bytes);
      if (descriptors) unmap_memory(descriptors, n * descriptor_bytes());
      if (groups) unmap_memory(groups, n * sizeof(stack_group));
      delete r;
      return false;
    }
    regions_.store(r, std::memory_order_release);  // pairs with newest_region()
    return true;
  }
  return false;
}

bool stack_pool::next_group() noexcept {
  stack_group* g = raw_groups_;
  const bool is_new = !g;
  if (!is_new) {
    raw_groups_ = g->next_raw;
  } else {
    region* r = newest_region();
    if ((!r || r->used.load(std::memory_order_relaxed) == r->count) && !add_region()) return false;
    r = newest_region();
    const std::size_t i = r->used.load(std::memory_order_relaxed);
    g = ::new (r->groups + i) stack_group;
    r->used.store(i + 1, std::memory_order_release);  // pairs with release_groups()
  }
  current_ = slots_of(g);
  if (is_new && under_valgrind()) {
    for (std::size_t k = 0; k != current_.count; ++k)
      valgrind_knows_stack(current_.base + k * distance() + guard(),
                           current_.base + (k + 1) * distance() - 1);
  }
  return true;
}

stack_pool::raw_slots stack_pool::slots_of(const stack_group* g) const noexcept {
  for (const region* r = newest_region(); r; r = r->next) {
    if (g < r->groups || g >= r->groups + r->count) continue;
    const auto i = static_cast<std::size_t>(g - r->groups);
    return {.base = r->base + i * group_slots() * distance(),
            .slots = reinterpret_cast<stack_slot*>(r->descriptors + i * descriptor_bytes()),
            .count = group_slots()};
  }
  fatal("goro: a group of stacks of no region");
}

// The next raw slots; none if there is no address space, or no more are wanted. The lock is held.
stack_pool::raw_slots stack_pool::carve(bool bounded) noexcept {
  const std::size_t room = bounded ? (made_ < most() ? most() - made_ : 0) : k_no_limit;
  if (room == 0) return {};
  if (current_.count == 0 && !next_group()) {
    exhausted_ = true;
    return {};
  }
  const std::size_t n = std::min({next_batch_, current_.count, room});
  const raw_slots raw{.base = current_.base, .slots = current_.slots, .count = n};
  current_ = {.base = raw.base + n * distance(), .slots = raw.slots + n, .count = current_.count - n};
  made_ += n;
  next_batch_ = std::min(2 * next_batch_, k_largest_batch);
  return raw;
}

void stack_pool::furnish(const raw_slots& raw, chain<stack_slot>& to) noexcept {
  install_stack_guards({.first = raw.base, .bytes = guard(), .stride = distance(), .count = raw.count});
  for (std::size_t i = 0; i != raw.count; ++i) {
    std::byte* const base = raw.base + i * distance();
    const std::size_t colour =
        reinterpret_cast<std::uintptr_t>(raw.slots + i) / sizeof(stack_slot) % k_colours;
    auto* const slot = ::new (raw.slots + i) stack_slot;
    slot->bottom = base + guard();
    slot->top = base + distance() - colour * k_line;
    slot->pool = this;
    to.push_back(slot);
  }
}

// --- getting and putting ---

void stack_pool::set_bound(std::size_t bytes) noexcept {
  const lock_guard held(guard_);
  bound_.store(bytes == k_no_limit ? k_no_limit : std::max<std::size_t>(bytes / size(), 1),
               std::memory_order_relaxed);
  exhausted_ = false;
  note_free();
}

bool stack_pool::has_room() const noexcept { return !exhausted_ && made_ < most(); }

std::size_t stack_pool::most() const noexcept {
  return bound() == k_no_limit ? k_no_limit : bound() + most_hoarded();
}

// After each change of the lists. Cold ones count: who wants one gets it.
void stack_pool::note_free() noexcept {
  free_count_.store(free_.size() + cold_.size, std::memory_order_relaxed);
  const bool more = has_room();
  if (room_.load(std::memory_order_relaxed) != more) room_.store(more, std::memory_order_relaxed);
}

bool stack_pool::get_cold(chain<stack_slot>& to, std::size_t most) noexcept {
  while (cold_.first && to.size < most) {
    stack_slot* s = cold_.pop_front();
    --group_of(s)->cold;
    to.push_back(s);
  }
  return to.first;
}

bool stack_pool::get(chain<stack_slot>& to, std::size_t n, bool bounded) noexcept {
  raw_slots raw;
  {
    const lock_guard held(guard_);
    while (to.size < n && free_.size() != 0) to.push_back(free_.take());
    if (!to.first && !get_cold(to, n)) raw = carve(bounded);
    note_free();
  }
  if (raw.count != 0) furnish(raw, to);
  return to.first;
}

void stack_pool::put(chain<stack_slot> slots) noexcept {
  const lock_guard held(guard_);
  free_.put(slots);
  note_free();
}

// --- giving back ---

std::size_t stack_pool::give_back() noexcept {
  retry_exhausted();
  if (size() >= k_deep) trim_some();
  chain<stack_slot> idle = free_.take_idle(guard_, [this](stack_slot* s) { ++group_of(s)->cold; });
  const std::size_t n = idle.size;
  if (n == 0) return 0;
  chain<stack_slot> were_cold;
  {
    const lock_guard held(guard_);
    were_cold = std::exchange(cold_, {});
    note_free();
  }
  // From here on nobody else has any that is cold, so the groups' counts stand still.
  chain<stack_slot> stay;
  const auto sort = [&](chain<stack_slot>& from, bool has_pages) {
    while (stack_slot* s = from.pop_front()) {
      stack_group* const g = group_of(s);
      if (g->cold == group_slots()) {
        g->cold = 0;
        g->released = true;
      } else if (!g->released) {
        if (has_pages) discard(s->bottom, room());
        stay.push_back(s);
      }
    }
  };
  sort(idle, true);
  sort(were_cold, false);
  {
    const lock_guard held(guard_);
    cold_.append(stay);
    note_free();
  }
  release_groups();
  return n;
}

// In runs of neighbours: a page of page table is given back only with all that it covers, and each run loses
// those at its ends. In short runs: who faults must wait meanwhile.
void stack_pool::release_groups() noexcept {
  constexpr std::size_t k_longest_run = 16;
  for (region* r = newest_region(); r; r = r->next) {
    const std::size_t created = r->used.load(std::memory_order_acquire);  // pairs with next_group()
    for (std::size_t i = 0, n = 0; i < created; i += n + 1) {
      for (n = 0; i + n != created && n != k_longest_run && r->groups[i + n].released; ++n) {
      }
      if (n != 0) release_run(r, i, n--);
    }
  }
}

// What could not be had before may be there now.
void stack_pool::retry_exhausted() noexcept {
  const lock_guard held(guard_);
  if (!exhausted_) return;
  exhausted_ = false;
  note_free();
}

// A stack that one goroutine has filled may then serve a hundred that need little. Takes those that have been
// free for longest, so that it is the turn of all in time.
void stack_pool::trim_some() noexcept {
  constexpr std::size_t k_kept = std::size_t{64} << 10;
  constexpr std::size_t k_at_once = 8;  // nobody else can have them meanwhile
  chain<stack_slot> some;
  {
    const lock_guard held(guard_);
    while (some.size != k_at_once && free_.size() != 0) some.push_back(free_.borrow());
  }
  for (stack_slot* s = some.first; s; s = s->sched_link) discard(s->bottom, room() - k_kept);
  const lock_guard held(guard_);
  free_.put(some);
}

stack_group* stack_pool::group_of(const stack_slot* s) const noexcept {
  for (const region* r = newest_region(); r; r = r->next) {
    const auto* const d = reinterpret_cast<const std::byte*>(s);
    if (d >= r->descriptors && d < r->descriptors + r->count * descriptor_bytes())
      return r->groups + static_cast<std::size_t>(d - r->descriptors) / descriptor_bytes();
  }
  fatal("goro: a stack of no region");
}

void stack_pool::release_run(region* r, std::size_t first, std::size_t count) noexcept {
  const std::size_t group_bytes = group_slots() * distance();
  const std::size_t n = count * group_slots();
  std::byte* const base = r->base + first * group_bytes;
  // The pages first, while others may fault; then the page tables, under the lock of the address space.
  for (std::size_t i = 0; i != count; ++i) discard(base + i * group_bytes, group_bytes);
  map_stacks_anew(base, count * group_bytes);
  remove_stack_guards(n);
  discard(r->descriptors + first * descriptor_bytes(), count * descriptor_bytes());
  const lock_guard held(guard_);
  for (stack_group* g = r->groups + first; g != r->groups + first + count; ++g) {
    g->released = false;
    g->next_raw = std::exchange(raw_groups_, g);
  }
  made_ -= n;
  exhausted_ = false;
  note_free();
}

void stack_pool::for_each_region(void (*visit)(const std::byte* first, std::size_t bytes, void* arg),
                                 void* arg) const noexcept {
  for (const region* r = newest_region(); r; r = r->next) {
    visit(r->base, r->count * group_slots() * distance(), arg);
  }
}

stack_totals stack_pool::totals() noexcept {
  const lock_guard held(guard_);
  return {.made = made_, .bytes = made_ * distance()};
}

}  // namespace goro::detail
