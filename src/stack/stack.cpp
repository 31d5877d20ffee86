#include "stack/stack.hpp"

#include <cerrno>
#include <string>

#include "diag/fatal.hpp"
#include "stack/stack_pool.hpp"

namespace goro::detail {

namespace {

[[noreturn]] void out_of_stacks(std::size_t bytes) noexcept {
  const int error = errno;
  fatal_errno("cannot get a goroutine's stack of " + std::to_string(bytes) + " bytes", error);
}

void put_one(stack_slot* s) noexcept {
  chain<stack_slot> one;
  one.push_back(s);
  s->pool->put(one);
}

}  // namespace

// `stale` is of a kind that is no longer the first choice; null if there was none.
stack_slot* stack_cache::get_otherwise(stack_slot* stale) noexcept {
  if (stale) put_one(stale);
  while (stack_slot* s = first_.pop_front()) put_one(s);
  stack_pool* const first = first_choice();
  stack_pool* const second = second_choice();
  // One after the other: those that are left over from before have the second place.
  while (stack_slot* s = new_.pop_front()) {
    if (s->pool == first || (s->pool == second && !first->has_any())) return s;
    put_one(s);
  }
  if (first->has_any() && first->get(new_, k_batch, true)) return new_.pop_front();
  while (stack_slot* s = second_.pop_front()) {
    if (s->pool == second) return s;
    put_one(s);
  }
  if (!second->get(new_, k_batch, false)) out_of_stacks(second->size());
  return new_.pop_front();
}

stack_slot* stack_cache::get_sized(std::size_t bytes) noexcept {
  taken_.store(taken() + 1, std::memory_order_relaxed);
  chain<stack_slot> one;
  if (!pool_for(bytes)->get(one, 1, false)) out_of_stacks(bytes);
  chain<stack_slot> rest = one;  // a batch may have been made
  stack_slot* s = rest.pop_front();
  if (rest.first) s->pool->put(rest);
  return s;
}

void stack_cache::put_otherwise(stack_slot* s) noexcept {
  if (s->pool != second_choice()) return put_one(s);
  second_.push_front(s);
  if (second_.size > k_most) spill(second_);
}

void stack_cache::spill(chain<stack_slot>& free) noexcept {
  chain<stack_slot> keep;  // the most recently used ones
  while (keep.size < k_batch) keep.push_back(free.pop_front());
  free.first->pool->put(free);
  free = keep;
}

void stack_cache::flush() noexcept {
  for (chain<stack_slot>* free : {&first_, &second_, &new_}) {
    while (stack_slot* s = free->pop_front()) put_one(s);
  }
}

bool still_first_choice(const stack_slot* s) noexcept {
  return s->pool == first_choice() || (s->pool == second_choice() && !first_choice()->has_any());
}

}  // namespace goro::detail
