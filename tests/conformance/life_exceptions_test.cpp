// LIFE-19: exception state belongs to the goroutine, also across parks and migrations inside handlers and
// inside destructors that run during unwinding.
#include <gtest/gtest.h>

#include <atomic>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>

#include <goro/goro.hpp>

#include "support/fixture.hpp"

namespace {

using goro_test::in_goroutine;

struct LifeExceptions : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, LifeExceptions, goro_test::all_procs());

std::string current_text() {
  try {
    throw;
  } catch (const std::exception& e) {
    return e.what();
  }
}

// Runs body(i) in n goroutines that meet at each turn(), so that each parks amid the others' handlers.
template <class Body>
void in_parallel(int n, Body body) {
  in_goroutine([&] {
    goro::wait_group ended;
    for (int i = 0; i < n; ++i) ended.go([&, i] { body(i); });
    ended.wait();
  });
}

void park_often(int i) {
  for (int k = 0; k < 3 + i % 5; ++k) goro::this_goroutine::yield();
  goro::sleep_for(std::chrono::microseconds(10 * (i % 7)));
}

TEST_P(LifeExceptions, LIFE_19_a_handler_keeps_its_exception_across_parks) {
  in_parallel(100, [](int i) {
    const std::string text = "exception " + std::to_string(i);
    try {
      throw std::runtime_error(text);
    } catch (const std::runtime_error& e) {
      const std::exception_ptr before = std::current_exception();
      park_often(i);
      EXPECT_EQ(e.what(), text);
      EXPECT_EQ(std::current_exception(), before);
      EXPECT_EQ(current_text(), text);
    }
    EXPECT_EQ(std::current_exception(), nullptr);
  });
}

TEST_P(LifeExceptions, LIFE_19_rethrow_after_a_park_throws_the_goroutines_own_exception) {
  in_parallel(100, [](int i) {
    const std::string text = "exception " + std::to_string(i);
    std::string caught;
    try {
      try {
        throw std::runtime_error(text);
      } catch (...) {
        park_often(i);
        throw;
      }
    } catch (const std::exception& e) {
      park_often(i + 1);
      caught = e.what();
    }
    EXPECT_EQ(caught, text);
  });
}

TEST_P(LifeExceptions, LIFE_19_nested_handlers_unwind_in_order_across_parks) {
  in_parallel(60, [](int i) {
    const std::string number = std::to_string(i);
    try {
      throw std::runtime_error("outer " + number);
    } catch (...) {
      park_often(i);
      try {
        throw std::logic_error("inner " + number);
      } catch (...) {
        park_often(i + 3);
        EXPECT_EQ(current_text(), "inner " + number);
      }
      park_often(i + 1);
      EXPECT_EQ(current_text(), "outer " + number);
    }
  });
}

// Parks in its destructor and checks what it sees of the unwinding.
struct parks_on_unwind {
  int i;
  int expected;
  ~parks_on_unwind() {
    EXPECT_EQ(std::uncaught_exceptions(), expected);
    park_often(i);
    EXPECT_EQ(std::uncaught_exceptions(), expected);
    try {  // a whole exception within the unwinding of another
      throw std::logic_error("within " + std::to_string(i));
    } catch (const std::logic_error& e) {
      park_often(i + 2);
      EXPECT_EQ(e.what(), "within " + std::to_string(i));
    }
    EXPECT_EQ(std::uncaught_exceptions(), expected);
  }
};

TEST_P(LifeExceptions, LIFE_19_destructors_may_park_during_unwinding) {
  in_parallel(100, [](int i) {
    EXPECT_EQ(std::uncaught_exceptions(), 0);
    const bool unwinds = i % 2 == 0;  // the others must not see it
    std::string caught;
    try {
      const parks_on_unwind outer{i, unwinds ? 1 : 0};
      const parks_on_unwind inner{i + 1, unwinds ? 1 : 0};
      if (unwinds) throw std::runtime_error("flying " + std::to_string(i));
    } catch (const std::runtime_error& e) {
      caught = e.what();
    }
    EXPECT_EQ(caught, unwinds ? "flying " + std::to_string(i) : "");
    EXPECT_EQ(std::uncaught_exceptions(), 0);
  });
}

TEST_P(LifeExceptions, LIFE_19_an_exception_pointer_travels_between_goroutines_and_threads) {
  in_goroutine([] {
    goro::chan<std::exception_ptr> errors;
    goro::go([errors] {
      // Only one side holds it at any time: ThreadSanitizer does not see the counter inside libstdc++ that
      // would order the two sides' releases.
      std::exception_ptr error;
      try {
        throw std::runtime_error("sent over a channel");
      } catch (...) {
        error = std::current_exception();
      }
      errors.send(std::move(error));
    });
    const std::exception_ptr error = errors.recv().value();
    try {
      std::rethrow_exception(error);
    } catch (const std::runtime_error& e) {
      goro::this_goroutine::yield();
      EXPECT_STREQ(e.what(), "sent over a channel");
    }
  });
}

TEST_P(LifeExceptions, LIFE_19_the_threads_own_exception_state_is_untouched_by_goroutines) {
  // Two plain threads inside handlers, blocked in goro while goroutines throw.
  goro::chan<int> go_on;
  const auto handler = [&](const char* text) {
    try {
      throw std::runtime_error(text);
    } catch (const std::runtime_error&) {
      EXPECT_TRUE(go_on.recv());
      EXPECT_EQ(current_text(), text);
    }
  };
  std::jthread one([&] { handler("thread one"); });
  std::jthread two([&] { handler("thread two"); });
  in_goroutine([&] {
    for (int i = 0; i < 2; ++i) {
      try {
        throw std::logic_error("goroutine");
      } catch (const std::logic_error&) {
        go_on.send(i);
        EXPECT_EQ(current_text(), "goroutine");
      }
    }
  });
}

TEST_P(LifeExceptions, LIFE_19_exit_unwinds_through_parks_beside_exceptions_of_others) {
  std::atomic<int> unwound{0};
  in_parallel(60, [&](int i) {
    const goro::scope_exit at_end([&, i] {
      park_often(i);
      ++unwound;
    });
    try {
      throw std::runtime_error("held while leaving");
    } catch (const std::runtime_error&) {
      park_often(i);
      if (i % 3 == 0) goro::this_goroutine::exit();
    }
    park_often(i);
  });
  EXPECT_EQ(unwound, 60);
}

}  // namespace
