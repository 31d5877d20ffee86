// How a callable and its arguments are stored for a goroutine: detail::bound and call_of, without the
// scheduler.
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <goro/detail/spawn.hpp>

#include "support/tracked.hpp"

namespace {

using goro::detail::bound;
using goro::detail::call_of;
using goro_test::tally;
using goro_test::tracked;

// A closure in raw memory, as in a goroutine's descriptor: call() destroys it.
template <class Closure>
class in_raw_memory {
 public:
  template <class... Args>
  explicit in_raw_memory(Args&&... args) {
    ::new (static_cast<void*>(bytes_)) Closure{std::forward<Args>(args)...};
  }
  void call() { call_of<Closure>::call(bytes_); }

 private:
  alignas(Closure) std::byte bytes_[sizeof(Closure)];
};

TEST(Closure, is_called_once_and_destroyed) {
  tally t;
  int calls = 0;
  auto f = [&calls, v = tracked(t, 1)] { calls += v.value(); };
  in_raw_memory<bound<decltype(f)>> closure(std::move(f));
  EXPECT_EQ(t.alive(), 2);  // f, moved from, and the one in the closure
  closure.call();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(t.alive(), 1);
  EXPECT_EQ(t.with_value_destroyed, 1);
}

TEST(Closure, is_destroyed_also_when_the_call_throws) {
  tally t;
  auto f = [v = tracked(t, 1)] { throw std::runtime_error("out"); };
  in_raw_memory<bound<decltype(f)>> closure(std::move(f));
  EXPECT_THROW(closure.call(), std::runtime_error);
  EXPECT_EQ(t.alive(), 1);
  EXPECT_EQ(t.with_value_destroyed, 1);
}

TEST(Closure, hands_its_arguments_over_as_rvalues) {
  tally t;
  std::unique_ptr<int> got;
  int value = 0;
  auto f = [&](std::unique_ptr<int> p, tracked v) {
    got = std::move(p);
    value = v.value();
  };
  in_raw_memory<bound<decltype(f), std::unique_ptr<int>, tracked>> closure(f, std::make_unique<int>(5),
                                                                           tracked(t, 6));
  closure.call();
  EXPECT_EQ(*got, 5);
  EXPECT_EQ(value, 6);
  EXPECT_EQ(t.alive(), 0);
}

TEST(Closure, an_argument_whose_copy_throws_takes_the_earlier_ones_with_it) {
  struct bomb {
    bomb() = default;
    bomb(const bomb&) { throw std::runtime_error("no copy"); }
  };
  tally t;
  auto f = [v = tracked(t, 1)](const tracked&, const bomb&) { (void)v; };
  const bomb b;
  using closure = bound<decltype(f), tracked, bomb>;
  EXPECT_THROW((closure{std::move(f), tracked(t, 2), b}), std::runtime_error);
  EXPECT_EQ(t.alive(), 1);  // f itself, moved from
}

TEST(Closure, members_are_called_on_objects_and_pointers) {
  struct object {
    int total = 0;
    void add(int n) { total += n; }
  } o;
  using method = void (object::*)(int);
  in_raw_memory<bound<method, object*, int>> closure(&object::add, &o, 3);
  closure.call();
  EXPECT_EQ(o.total, 3);
}

TEST(GoOptions, note_where_they_were_made) {
  const int line = __LINE__ + 1;
  const auto options = goro::go_options{}.name("a").stack(4096);
  EXPECT_EQ(options.where().line(), static_cast<unsigned>(line));
  EXPECT_EQ(options.name(), "a");
  EXPECT_EQ(options.stack(), 4096U);
}

}  // namespace
