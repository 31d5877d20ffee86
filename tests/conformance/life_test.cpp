// LIFE-01 to 03, 08 to 15, 22 and 23: how goroutines begin and end. What ends the process is in
// process_*_test.cpp, exceptions across parks in life_exceptions_test.cpp.
#include <gtest/gtest.h>

#include <atomic>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <goro/goro.hpp>

#include "support/fixture.hpp"
#include "support/tracked.hpp"

namespace {

using goro_test::in_goroutine;
using namespace std::chrono_literals;

struct Life : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, Life, goro_test::all_procs());

TEST_P(Life, LIFE_01_go_returns_without_waiting_for_the_function) {
  const auto start_and_release = [] {
    goro::chan<int> gate;
    goro::chan<int> answer;
    goro::go([=] { answer.send(gate.recv().value() + 1); });  // cannot end before go() has returned
    gate.send(41);
    EXPECT_EQ(answer.recv(), 42);
  };
  in_goroutine(start_and_release);
  start_and_release();  // from a plain thread
}

std::atomic<int> free_function_sum{0};
void add_to_sum(int n) { free_function_sum += n; }

struct adder {
  goro::chan<int> out;
  int operator()(int a, int b) const {
    out.send(a + b);
    return a + b;  // discarded
  }
  void member(int n) { out.send(n); }
};

TEST_P(Life, LIFE_02_free_function_lambda_member_function_and_functor) {
  in_goroutine([] {
    free_function_sum = 0;
    goro::go(add_to_sum, 3);
    goro::go(&add_to_sum, 4);
    EXPECT_TRUE(goro_test::eventually([] { return free_function_sum == 7; }));

    adder a{goro::chan<int>{2}};
    goro::go(a, 20, 22);
    EXPECT_EQ(a.out.recv(), 42);
    goro::go(&adder::member, &a, 5);  // by pointer
    EXPECT_EQ(a.out.recv(), 5);
    goro::go(&adder::member, a, 6);  // on a copy
    EXPECT_EQ(a.out.recv(), 6);
    goro::go(&adder::member, std::ref(a), 7);  // by reference
    EXPECT_EQ(a.out.recv(), 7);
    goro::go([&a] { a.out.send(8); });
    EXPECT_EQ(a.out.recv(), 8);
    goro::go(std::function<void()>([&a] { a.out.send(9); }));
    EXPECT_EQ(a.out.recv(), 9);
  });
}

// Notes who copies it.
struct copy_counter {
  std::atomic<int>* copies;
  std::set<goro::goroutine_id>* copiers;
  copy_counter(std::atomic<int>& n, std::set<goro::goroutine_id>& who) : copies(&n), copiers(&who) {}
  copy_counter(const copy_counter& other) : copies(other.copies), copiers(other.copiers) {
    ++*copies;
    copiers->insert(goro::this_goroutine::id());
  }
  copy_counter(copy_counter&&) noexcept = default;
  void operator()() const {}
};

TEST_P(Life, LIFE_02_callable_and_arguments_are_copied_once_by_the_caller) {
  in_goroutine([] {
    std::atomic<int> copies{0};
    std::set<goro::goroutine_id> copiers;
    const copy_counter original(copies, copiers);
    goro::chan<int> done;

    goro::go(original);
    EXPECT_EQ(copies, 1);
    goro::go([done](const copy_counter&) { done.send(0); }, original);
    EXPECT_EQ(copies, 2);
    goro::go([done](const copy_counter&, const copy_counter&, const copy_counter&) { done.send(0); },
             original, copy_counter(copies, copiers), original);
    EXPECT_EQ(copies, 4);
    done.recv();
    done.recv();
    EXPECT_EQ(copies, 4);
    EXPECT_EQ(copiers, std::set{goro::this_goroutine::id()});
  });
}

TEST_P(Life, LIFE_02_later_changes_to_originals_are_invisible) {
  in_goroutine([] {
    goro::chan<std::string> out;
    goro::chan<goro::unit> gate;
    std::string text = "before";
    goro::go(
        [=](const std::string& argument) {
          gate.recv();
          out.send(text + "/" + argument);
        },
        text);
    text = "after";
    gate.send({});
    EXPECT_EQ(out.recv(), "before/before");
  });
}

TEST_P(Life, LIFE_03_move_only_callables_and_arguments_are_destroyed_exactly_once) {
  goro_test::tally t;
  in_goroutine([&] {
    goro::chan<int> out;
    goro::go([out, v = goro_test::tracked(t, 1)] { out.send(v.value()); });
    EXPECT_EQ(out.recv(), 1);
    goro::go([out](goro_test::tracked v) { out.send(v.value()); }, goro_test::tracked(t, 2));
    EXPECT_EQ(out.recv(), 2);
    goro::go([out](std::unique_ptr<int> p, goro_test::tracked v) { out.send(*p + v.value()); },
             std::make_unique<int>(40), goro_test::tracked(t, 3));
    EXPECT_EQ(out.recv(), 43);
    struct call_once {  // only callable as an rvalue
      goro::chan<int> out;
      void operator()() && { out.send(44); }
    };
    goro::go(call_once{out});
    EXPECT_EQ(out.recv(), 44);
  });
  EXPECT_TRUE(goro_test::eventually([this] { return alive() == 0; }));
  EXPECT_EQ(t.with_value_destroyed, 3);
  EXPECT_EQ(t.alive(), 0);
}

TEST_P(Life, LIFE_03_captures_are_destroyed_no_later_than_the_end_also_after_a_throw_or_exit) {
  goro_test::tally t;
  in_goroutine([&] {
    goro::wait_group ended;
    for (int way = 0; way < 3; ++way) {
      ended.go([way, v = goro_test::tracked(t, way)] {
        if (way == 1) goro::this_goroutine::exit();
        try {
          if (way == 2) throw std::runtime_error("thrown");
        } catch (const std::runtime_error&) {
        }
        EXPECT_EQ(v.value(), way);
      });
    }
    ended.wait();
    EXPECT_EQ(t.alive(), 0);
    EXPECT_EQ(t.with_value_destroyed, 3);
  });
}

TEST_P(Life, LIFE_08_a_panic_caught_in_its_goroutine_ends_there_and_the_goroutine_goes_on) {
  in_goroutine([] {
    goro::chan<std::string> out{4};
    bool parent_saw_it = false;
    try {
      goro::go([out] {
        try {
          throw std::runtime_error("child");
        } catch (const std::exception& e) {
          out.send(e.what());
        }
        out.send("goes on");
      });
      EXPECT_EQ(out.recv(), "child");
      EXPECT_EQ(out.recv(), "goes on");
    } catch (...) {
      parent_saw_it = true;
    }
    EXPECT_FALSE(parent_saw_it);
  });
}

enum class way_out { by_return, by_panic, by_exit };

std::vector<std::string> deferred_order(way_out way) {
  std::vector<std::string> order;
  goro::wait_group ended;
  ended.go([&] {
    try {
      int value = 1;
      const goro::scope_exit first([&, value] { order.push_back("first " + std::to_string(value)); });
      value = 2;
      const goro::scope_exit second([&, value] { order.push_back("second " + std::to_string(value)); });
      value = 3;
      if (way == way_out::by_panic) throw std::runtime_error("out");
      if (way == way_out::by_exit) goro::this_goroutine::exit();
    } catch (const std::runtime_error&) {
      order.emplace_back("caught");
    }
    order.emplace_back("went on");
  });
  ended.wait();
  return order;
}

TEST_P(Life, LIFE_09_deferred_calls_run_last_in_first_out_on_every_way_out) {
  using strings = std::vector<std::string>;
  in_goroutine([] {
    EXPECT_EQ(deferred_order(way_out::by_return), (strings{"second 2", "first 1", "went on"}));
    EXPECT_EQ(deferred_order(way_out::by_panic), (strings{"second 2", "first 1", "caught", "went on"}));
    EXPECT_EQ(deferred_order(way_out::by_exit), (strings{"second 2", "first 1"}));
  });
}

TEST_P(Life, LIFE_11_a_panic_raised_and_caught_in_a_deferred_call_leaves_the_outer_one_in_force) {
  in_goroutine([] {
    std::string seen;
    try {
      const goro::scope_exit deferred([&] {
        try {
          goro::this_goroutine::yield();
          throw std::runtime_error("inner");
        } catch (const std::runtime_error& e) {
          seen = e.what();
        }
      });
      throw std::runtime_error("outer");
    } catch (const std::runtime_error& e) {
      seen += std::string(" then ") + e.what();
    }
    EXPECT_EQ(seen, "inner then outer");
  });
}

TEST_P(Life, LIFE_12_a_handler_sees_only_its_own_panic_and_once) {
  in_goroutine([] {
    std::string seen;
    try {
      const goro::scope_exit deferred([&] {
        EXPECT_EQ(std::current_exception(), nullptr) << "the outer panic belongs to somebody else's handler";
        try {
          goro::this_goroutine::yield();
        } catch (...) {
          seen += "inner ";
        }
      });
      try {
        throw goro::panic("P");
      } catch (const goro::panic& e) {
        seen += std::string(e.what()) + " ";
        EXPECT_NE(std::current_exception(), nullptr);
      }
      EXPECT_EQ(std::current_exception(), nullptr);
      throw std::runtime_error("Q");
    } catch (const std::exception& e) {
      seen += e.what();
    }
    EXPECT_EQ(std::current_exception(), nullptr);
    EXPECT_EQ(seen, "P Q");
  });
}

TEST_P(Life, LIFE_13_the_runtimes_errors_share_a_type_that_users_errors_do_not_have) {
  in_goroutine([] {
    const goro::chan<int> closed;
    closed.close();
    EXPECT_THROW(closed.send(1), goro::panic);
    EXPECT_THROW(closed.close(), goro::panic);
    EXPECT_THROW(goro::chan<int>{nullptr}.close(), goro::panic);
    EXPECT_THROW(goro::chan<int>{-1}, goro::panic);
    static_assert(std::is_base_of_v<goro::panic, goro::channel_closed>);
    static_assert(std::is_base_of_v<std::logic_error, goro::panic>);
    try {
      throw std::runtime_error("a user's");
    } catch (const goro::panic&) {
      ADD_FAILURE() << "a user's error is taken for the runtime's";
    } catch (const std::exception&) {
    }
  });
}

TEST_P(Life, LIFE_14_exit_runs_destructors_and_ends_only_its_goroutine) {
  goro_test::tally t;
  in_goroutine([&] {
    bool went_on = false;
    bool exception_seen = false;
    goro::wait_group ended;
    goro::chan<int> deferred{1};
    ended.go([&] {
      const goro_test::tracked outer(t, 1);
      const goro::scope_exit at_end([&] {
        exception_seen = std::current_exception() != nullptr;
        goro::this_goroutine::yield();  // a deferred call may park on the way out
        deferred.send(7);
      });
      const auto leave = [&] {
        const goro_test::tracked inner(t, 2);
        goro::this_goroutine::exit();
      };
      leave();
      went_on = true;
    });
    ended.wait();
    EXPECT_FALSE(went_on);
    EXPECT_FALSE(exception_seen);
    EXPECT_EQ(deferred.recv(), 7);
    EXPECT_EQ(t.with_value_destroyed, 2);
    EXPECT_EQ(t.alive(), 0);
  });
}

TEST_P(Life, LIFE_15_exit_cannot_be_swallowed_by_handlers_nor_by_a_panic_on_the_way_out) {
  in_goroutine([] {
    std::atomic<int> resumed{0};
    std::atomic<int> passed{0};
    goro::wait_group ended;
    ended.go([&] {
      try {
        const goro::scope_exit deferred([&] {
          try {
            throw std::runtime_error("raised on the way out");
          } catch (const std::runtime_error&) {
            ++passed;
          }
        });
        goro::this_goroutine::exit();
      } catch (const std::exception&) {
        ++resumed;
      } catch (...) {
        ++passed;
        throw;  // as a catch-all must
      }
      ++resumed;
    });
    ended.wait();
    EXPECT_EQ(resumed, 0);
    EXPECT_EQ(passed, 2);
  });
}

TEST_P(Life, LIFE_22_ids_are_never_reused_and_zero_on_a_plain_thread) {
  EXPECT_EQ(goro::this_goroutine::id(), 0U);
  in_goroutine([] {
    const int n = goro_test::repetitions(20'000);
    std::mutex guard;
    std::set<goro::goroutine_id> ids{goro::this_goroutine::id()};
    for (int round = 0; round < 10; ++round) {
      goro::wait_group ended;
      for (int i = 0; i < n / 10; ++i) {
        ended.go([&] {
          const goro::goroutine_id id = goro::this_goroutine::id();
          const std::lock_guard held(guard);
          EXPECT_TRUE(ids.insert(id).second) << id << " was given twice";
        });
      }
      ended.wait();
    }
    EXPECT_EQ(ids.size(), static_cast<std::size_t>(n / 10 * 10 + 1));
    EXPECT_FALSE(ids.contains(0));
  });
}

TEST_P(Life, LIFE_23_ended_goroutines_leave_nothing_behind) {
  const auto burst = [](int n) {
    in_goroutine([n] {
      goro::wait_group ended;
      for (int i = 0; i < n; ++i) {
        ended.go([] { goro::this_goroutine::yield(); });
        if (i % 1000 == 999) ended.wait();
      }
      ended.wait();
    });
  };
  const int n = goro_test::repetitions(200'000);
  burst(n / 10);
  const std::size_t threads = goro_test::count_threads();
  const std::size_t mappings = goro_test::count_mappings();
  const std::size_t resident = goro_test::resident_kb();
  const auto handed_off = [] { return goro::stats().handoffs_busy + goro::stats().handoffs_blocked; };
  const std::uint64_t before = handed_off();
  burst(n);
  // Where the kernel keeps a thread waiting for its core its P may go to another one.
  EXPECT_LE(goro_test::count_threads(),
            std::max(threads, static_cast<std::size_t>(procs()) + 5) + handed_off() - before);
  if (goro_test::memory_is_ours()) {
    // A thread that was first needed meanwhile has a stack with its guard, and mostly an arena of the C
    // library, two mappings each.
    const std::size_t of_threads = 4 * (goro_test::count_threads() - threads);
    EXPECT_LE(goro_test::count_mappings(), mappings + of_threads + 16);
    EXPECT_LE(goro_test::resident_kb(), resident + resident / 10 + 4096);
  }
}

}  // namespace
