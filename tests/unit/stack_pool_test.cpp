// The pool of all stacks of one size by itself: what it hands out, what it gives back, and that nothing of
// one stack is part of another. Sizes that no goroutine of these processes has.
#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <set>
#include <thread>
#include <vector>

#include "os/memory.hpp"
#include "stack/stack_pool.hpp"
#include "support/build.hpp"
#include "support/process_state.hpp"

namespace {

using goro::detail::chain;
using goro::detail::k_page;
using goro::detail::pool_for;
using goro::detail::stack_pool;
using goro::detail::stack_slot;

constexpr std::size_t k_kb = 1 << 10;
constexpr std::size_t k_mb = 1 << 20;
constexpr std::size_t k_dense = 512 * k_kb;
constexpr std::size_t k_deep = 4 * k_mb;
constexpr std::size_t k_group = 256;  // of dense ones; of deep ones it is less

// Asks the kernel, which answers where an access would be a fault.
bool can_be_read(const std::byte* address) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) return false;
  const bool readable = ::write(ends[1], address, 1) == 1;
  const bool fault = !readable && errno == EFAULT;
  ::close(ends[0]);
  ::close(ends[1]);
  EXPECT_TRUE(readable || fault);
  return readable;
}

// So many stacks, which are put back in the end.
class holding {
 public:
  holding(stack_pool& pool, std::size_t n) : pool_(pool) {
    while (all_.size() < n) {
      chain<stack_slot> some;
      if (!pool.get(some, n - all_.size(), false)) break;
      while (stack_slot* s = some.pop_front()) all_.push_back(s);
    }
    EXPECT_GE(all_.size(), n);
  }
  ~holding() { put(all_.size()); }
  holding(const holding&) = delete;
  holding& operator=(const holding&) = delete;

  // The first n.
  void put(std::size_t n) {
    chain<stack_slot> some;
    for (std::size_t i = 0; i != n; ++i) some.push_back(all_[i]);
    all_.erase(all_.begin(), all_.begin() + static_cast<std::ptrdiff_t>(n));
    pool_.put(some);
  }

  const std::vector<stack_slot*>& all() const { return all_; }

 private:
  stack_pool& pool_;
  std::vector<stack_slot*> all_;
};

void write_to_all(const std::vector<stack_slot*>& all) {
  for (const stack_slot* s : all) {
    *s->bottom = std::byte{1};
    s->top[-1] = std::byte{2};
  }
}

// How many still have what was written there.
std::size_t count_written(const std::vector<stack_slot*>& all) {
  return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [](const stack_slot* s) {
    return *s->bottom != std::byte{0} || s->top[-1] != std::byte{0};
  }));
}

// What is left of earlier tests is given back as well.
void empty(stack_pool& pool) {
  while (pool.give_back() != 0 || pool.give_back() != 0) {
  }
}

struct StackPool : testing::TestWithParam<std::size_t> {
  stack_pool& pool = *pool_for(GetParam());
  void SetUp() override { empty(pool); }
};
INSTANTIATE_TEST_SUITE_P(Size, StackPool, testing::Values(k_dense, k_deep));

TEST(StackSizes, are_powers_of_two_from_32_KB_to_1_TB) {
  constexpr std::size_t k_tb = std::size_t{1} << 40;
  EXPECT_EQ(pool_for(1)->size(), 32 * k_kb);
  EXPECT_EQ(pool_for(32 * k_kb)->size(), 32 * k_kb);
  EXPECT_EQ(pool_for(32 * k_kb + 1)->size(), 64 * k_kb);
  EXPECT_EQ(pool_for(k_mb), pool_for(k_mb - 1));
  EXPECT_EQ(pool_for(k_tb)->size(), k_tb);
  EXPECT_EQ(pool_for(k_tb + 1), nullptr);
}

TEST_P(StackPool, a_stack_has_the_size_and_a_guard_of_its_own) {
  const holding some(pool, 100);
  for (const stack_slot* s : some.all()) {
    EXPECT_EQ(s->pool, &pool);
    ASSERT_GE(s->size(), pool.size());
    EXPECT_LE(s->size(), pool.room());
    EXPECT_TRUE(can_be_read(s->bottom));
    EXPECT_TRUE(can_be_read(s->top - 1));
    EXPECT_FALSE(can_be_read(s->bottom - 1));
    EXPECT_FALSE(can_be_read(s->bottom - pool.guard()));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(s->bottom) % k_page, 0U);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(s->top) % 16, 0U);
  }
  write_to_all(some.all());
}

TEST_P(StackPool, stacks_and_guards_do_not_overlap_and_lie_an_odd_number_of_pages_apart) {
  const holding some(pool, 100);
  std::vector<stack_slot*> sorted = some.all();
  std::sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) { return a->bottom < b->bottom; });
  const std::size_t distance = pool.room() + pool.guard();
  EXPECT_EQ(distance / k_page % 2, 1U);
  std::size_t neighbours = 0;
  for (std::size_t i = 1; i != sorted.size(); ++i) {
    EXPECT_LE(sorted[i - 1]->top, sorted[i]->bottom - pool.guard());
    neighbours += sorted[i]->bottom == sorted[i - 1]->bottom + distance;
  }
  EXPECT_GE(neighbours, sorted.size() / 2);
}

TEST_P(StackPool, what_is_put_back_is_handed_out_before_any_is_made) {
  std::set<stack_slot*> first;
  {
    const holding some(pool, 100);
    first.insert(some.all().begin(), some.all().end());
  }
  const std::uint64_t made = pool.totals().made;
  const holding again(pool, 100);
  EXPECT_EQ(pool.totals().made, made);
  for (stack_slot* s : again.all()) EXPECT_EQ(first.count(s), 1U);
}

TEST_P(StackPool, totals_count_what_is_made) {
  const auto before = pool.totals();
  const holding some(pool, 100);
  const auto now = pool.totals();
  EXPECT_GE(now.made, before.made);
  EXPECT_GE(now.made, 100U);
  EXPECT_EQ(now.bytes, now.made * (pool.room() + pool.guard()));
}

TEST_P(StackPool, what_was_free_since_the_last_time_is_given_back) {
  std::vector<stack_slot*> slots;
  {
    const holding some(pool, 20);
    write_to_all(some.all());
    slots = some.all();
  }
  EXPECT_EQ(pool.give_back(), 0U) << "they were in use a moment ago";
  EXPECT_GE(pool.give_back(), 20U);
  EXPECT_EQ(pool.give_back(), 0U) << "twice";
}

TEST_P(StackPool, what_was_needed_meanwhile_is_not) {
  holding some(pool, 64);
  const std::size_t free = some.all().size();
  some.put(free);
  pool.give_back();
  {
    const holding needed(pool, 40);
  }
  EXPECT_EQ(pool.give_back(), free - 40);
  EXPECT_EQ(pool.give_back(), 40U);
}

TEST_P(StackPool, a_stack_that_was_given_back_is_empty_and_usable_again) {
  {
    const holding some(pool, 30);
    write_to_all(some.all());
  }
  pool.give_back();
  ASSERT_GE(pool.give_back(), 30U);
  const holding again(pool, 30);
  EXPECT_EQ(count_written(again.all()), 0U);
  for (const stack_slot* s : again.all()) {
    EXPECT_FALSE(can_be_read(s->bottom - 1));
    EXPECT_GE(s->size(), pool.size());
  }
  write_to_all(again.all());
}

TEST_P(StackPool, whole_groups_are_given_back_and_used_again) {
  const std::size_t n = 3 * k_group;
  const std::size_t at_first = pool.totals().made;
  {
    const holding many(pool, n);
  }
  const std::size_t made = pool.totals().made;
  EXPECT_GE(made, n);
  EXPECT_EQ(pool.give_back(), 0U);
  EXPECT_GE(pool.give_back(), n - k_group);
  EXPECT_LE(pool.totals().made, std::max(at_first, made - 2 * k_group));
  const holding again(pool, n);
  EXPECT_EQ(std::set<stack_slot*>(again.all().begin(), again.all().end()).size(), again.all().size());
  for (const stack_slot* s : again.all()) {
    ASSERT_FALSE(can_be_read(s->bottom - 1));
    ASSERT_TRUE(can_be_read(s->bottom));
  }
  write_to_all(again.all());
}

TEST_P(StackPool, groups_with_one_stack_in_use_stay) {
  holding many(pool, 3 * k_group);
  write_to_all(many.all());
  many.put(many.all().size() - 1);
  pool.give_back();
  pool.give_back();
  const stack_slot* last = many.all().front();
  EXPECT_EQ(*last->bottom, std::byte{1});
  EXPECT_EQ(last->top[-1], std::byte{2});
  EXPECT_FALSE(can_be_read(last->bottom - 1));
}

TEST_P(StackPool, a_bound_limits_who_did_not_ask_for_the_size) {
  constexpr std::size_t k_most = 5;
  pool.set_bound((pool.totals().made + k_most) * pool.size());
  const std::size_t most = pool.most();
  EXPECT_GE(most, pool.bound()) << "what Ps keep for themselves comes on top";
  chain<stack_slot> all;
  const auto get_one = [&](bool bounded) {
    chain<stack_slot> some;
    if (!pool.get(some, 1, bounded)) return false;
    all.append(some);
    return true;
  };
  while (all.size < 10 * most && get_one(true)) {
  }
  EXPECT_EQ(all.size, most);
  EXPECT_EQ(pool.totals().made, most);
  EXPECT_FALSE(pool.has_any());
  EXPECT_TRUE(get_one(false)) << "who asks for the size gets more";
  EXPECT_FALSE(get_one(true));
  pool.put(all);
  all = {};
  EXPECT_TRUE(pool.has_any());
  EXPECT_TRUE(get_one(true)) << "what is free is for anybody";
  pool.set_bound(goro::detail::k_no_limit);
  EXPECT_TRUE(pool.has_any());
  pool.put(all);
}

// Each stack has one holder, and none is lost, whoever else takes, puts or gives back.
TEST_P(StackPool, threads_at_once) {
  const std::uint64_t enough = pool.totals().made + 1000;
  std::atomic<bool> over{false};
  std::atomic<int> taken_twice{0};
  const auto use = [&](std::size_t n) {
    holding some(pool, n);
    for (stack_slot* s : some.all()) {
      auto* const word = reinterpret_cast<std::atomic<int>*>(s->bottom);
      if (word->exchange(1) != 0) ++taken_twice;
    }
    for (stack_slot* s : some.all()) reinterpret_cast<std::atomic<int>*>(s->bottom)->store(0);
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 1; t <= 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < goro_test::repetitions(50'000) && pool.totals().made < enough; ++i) use(t);
      });
    }
    std::jthread giving_back([&] {
      while (!over) {
        pool.give_back();
        std::this_thread::sleep_for(std::chrono::microseconds(200));
      }
    });
    threads.clear();
    over = true;
  }
  EXPECT_EQ(taken_twice, 0);
  EXPECT_LT(pool.totals().made, enough);
}

}  // namespace
