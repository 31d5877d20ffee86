#include "stack/stack.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "diag/fatal.hpp"
#include "stack/stack_pool.hpp"

namespace goro::detail {

namespace {

// There may be no memory to say it with.
[[noreturn]] void out_of_stacks(std::size_t bytes) noexcept {
  const int error = errno;
  char text[128];
  std::snprintf(text, sizeof text, "cannot get a goroutine's stack of %zu bytes", bytes);
  fatal_errno(text, error);
}

// To their pools: neighbours in the list mostly belong to the same one.
void give(chain<stack_slot>& those) noexcept {
  while (stack_slot* s = those.pop_front()) {
    stack_pool* const pool = s->pool;
    chain<stack_slot> alike;
    alike.push_back(s);
    while (those.first && those.first->pool == pool) alike.push_back(those.pop_front());
    pool->put(alike);
  }
}

// Of a kind that serves those who ask for nothing?
bool is_usual(const stack_slot* s) noexcept {
  for (std::size_t i = 0; i != stack_choice::k_kinds; ++i) {
    if (s->pool == stack_kind(i)) return true;
  }
  return false;
}

}  // namespace

void give_stack(stack_slot* s) noexcept {
  chain<stack_slot> one;
  one.push_back(s);
  s->pool->put(one);
}

bool is_best(const stack_slot* s) noexcept {
  for (std::size_t i = 0; i != stack_choice::k_kinds; ++i) {
    stack_pool* const kind = stack_kind(i);
    if (s->pool == kind) return true;
    if (kind->has_any()) return false;
  }
  return false;  // of a kind that nobody gets any more who does not ask for it
}

bool stack_cache::has_warm() const noexcept {
  return first_.first || (others_.first && is_best(others_.first));
}

stack_slot* stack_cache::take_best(chain<stack_slot>& from) noexcept {
  chain<stack_slot> worse;
  stack_slot* s = from.pop_front();
  for (; s && !is_best(s); s = from.pop_front()) worse.push_back(s);
  give(worse);
  return s;
}

// `stale` is of a kind that is no longer the first; null if there was none.
stack_slot* stack_cache::get_otherwise(stack_slot* stale) noexcept {
  if (stale) give_stack(stale);
  give(first_);
  for (chain<stack_slot>* some : {&others_, &new_}) {
    if (stack_slot* s = take_best(*some)) return s;
  }
  const std::size_t portion = stack_hoard() / 3;
  most_ = 2 * portion;
  for (std::size_t i = 0; i != stack_choice::k_kinds; ++i) {
    const bool last = i == stack_choice::k_kinds - 1;
    if ((last || stack_kind(i)->has_any()) && stack_kind(i)->get(new_, portion, !last))
      return new_.pop_front();
  }
  out_of_stacks(stack_kind(stack_choice::k_kinds - 1)->size());
}

stack_slot* take_stack(std::size_t bytes) noexcept {
  chain<stack_slot> some;  // a batch may be made
  if (!pool_for(std::max(bytes, k_smallest_wish))->get(some, 1, false)) return nullptr;
  stack_slot* s = some.pop_front();
  give(some);
  return s;
}

stack_slot* stack_cache::get_sized(std::size_t bytes) noexcept {
  taken_.store(taken() + 1, std::memory_order_relaxed);
  stack_slot* s = take_stack(bytes);
  if (!s) out_of_stacks(bytes);
  return s;
}

void stack_cache::put_otherwise(stack_slot* s) noexcept {
  if (!is_usual(s)) return give_stack(s);
  others_.push_front(s);
  if (others_.size > k_most_others) spill(others_, k_most_others / 2);
}

void stack_cache::spill(chain<stack_slot>& free, std::size_t kept) noexcept {
  chain<stack_slot> keep;  // the most recently used ones
  while (keep.size < kept) keep.push_back(free.pop_front());
  give(free);
  free = keep;
}

bool stack_cache::flush() noexcept {
  const bool any = first_.first || others_.first || new_.first;
  for (chain<stack_slot>* free : {&first_, &others_, &new_}) give(*free);
  return any;
}

}  // namespace goro::detail
