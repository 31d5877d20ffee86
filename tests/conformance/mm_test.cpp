// MM-01, 03 to 06, 08 to 10, 12 to 15 and 17 to 19: who sees what. The data are plain variables: in an
// ordinary build wrong values fail the tests, under ThreadSanitizer every missing edge does. What must not be
// ordered is in race/race_test.cpp.
#include <gtest/gtest.h>

#include <unistd.h>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include <goro/goro.hpp>

#include "support/fixture.hpp"

namespace {

using goro_test::in_goroutine;
using goro_test::repetitions;
using namespace std::chrono_literals;

struct MemoryModel : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, MemoryModel, goro_test::all_procs());

// Calls body(i) n times in a goroutine.
template <class Body>
void repeat(int n, Body body) {
  in_goroutine([&] {
    for (int i = 1; i <= repetitions(n); ++i) body(i);
  });
}

TEST_P(MemoryModel, MM_01_what_precedes_go_is_visible_to_the_goroutine) {
  repeat(2000, [](int i) {
    int plain = i;
    goro::wait_group ended;
    ended.go([&] { EXPECT_EQ(plain, i); });
    ended.wait();
    plain = -i;
    std::string text = "by hand";
    goro::chan<goro::unit> done;
    goro::go([&, done] {
      EXPECT_EQ(text, "by hand");
      done.send({});
    });
    done.recv();
  });
  int from_thread = 7;
  goro::wait_group ended;
  ended.go([&] { EXPECT_EQ(from_thread, 7); });
  ended.wait();
}

TEST_P(MemoryModel, MM_03_what_precedes_a_send_is_visible_after_its_receive) {
  repeat(1000, [](int i) {
    for (const int capacity : {0, 1, 3}) {
      const goro::chan<int> c{capacity};
      int plain = 0;
      goro::go([&, c] {
        plain = i;
        i % 2 == 0 ? c.send(1) : (void)c.try_send_for(1, 1h);
      });
      i % 3 == 0 ? (void)c.recv() : (void)c.try_recv_for(1h);
      EXPECT_EQ(plain, i);
    }
  });
}

TEST_P(MemoryModel, MM_03_also_when_the_receive_polls) {
  repeat(500, [](int i) {
    const goro::chan<int> c{1};
    int plain = 0;
    goro::go([&, c] {
      plain = i;
      c.try_send(1);
    });
    while (!c.try_recv()) goro::this_goroutine::yield();
    EXPECT_EQ(plain, i);
  });
}

TEST_P(MemoryModel, MM_04_what_precedes_a_close_is_visible_to_a_receive_that_returns_because_of_it) {
  repeat(1000, [](int i) {
    for (const int capacity : {0, 2}) {
      const goro::chan<int> c{capacity};
      int plain = 0;
      goro::go([&, c] {
        plain = i;
        c.close();
      });
      switch (i % 3) {
        case 0:
          EXPECT_FALSE(c.recv());
          break;
        case 1:
          EXPECT_FALSE(c.try_recv_for(1h));
          break;
        default:
          while (c.try_recv().error() != goro::errc::closed) goro::this_goroutine::yield();
      }
      EXPECT_EQ(plain, i);
    }
  });
}

TEST_P(MemoryModel, MM_05_on_an_unbuffered_channel_what_precedes_the_receive_is_visible_after_the_send) {
  repeat(2000, [](int i) {
    const goro::chan<int> c;
    int plain = 0;
    goro::go([&, c] {
      plain = i;
      c.recv();
    });
    c.send(1);
    EXPECT_EQ(plain, i);
  });
}

TEST_P(MemoryModel, MM_06_a_buffered_channel_is_a_counting_semaphore) {
  for (const int capacity : {1, 3}) {
    in_goroutine([capacity] {
      const goro::chan<goro::unit> semaphore{capacity};
      // With capacity 1 it is a lock: plain data is safe. With more, at most that many are inside.
      int plain = 0;
      std::atomic<int> inside{0};
      goro::wait_group ended;
      const int n = repetitions(500);
      for (int g = 0; g < 8; ++g) {
        ended.go([&] {
          for (int i = 0; i < n; ++i) {
            semaphore.send({});
            EXPECT_LE(++inside, capacity);
            if (capacity == 1) ++plain;
            if (i % 16 == 0) goro::this_goroutine::yield();
            --inside;
            semaphore.recv();
          }
        });
      }
      ended.wait();
      EXPECT_EQ(plain, capacity == 1 ? 8 * n : 0);
    });
  }
}

TEST_P(MemoryModel, MM_06_the_kth_receive_is_visible_after_the_k_plus_capacityth_send) {
  repeat(300, [this](int i) {
    constexpr std::size_t k_capacity = 4;
    const goro::chan<std::size_t> c{k_capacity};
    std::array<int, 32> plain{};
    goro::go([&, c] {
      for (std::size_t k = 0; k < plain.size(); ++k) {
        plain[k] = i;  // precedes the k-th receive
        c.recv();
      }
    });
    for (std::size_t k = 0; k < plain.size(); ++k) {
      c.send(k);
      if (k >= k_capacity) {
        EXPECT_EQ(plain[k - k_capacity], i);
      }
    }
    while (c.size() != 0) goro::this_goroutine::yield();
    EXPECT_TRUE(goro_test::eventually([this] { return alive() == 1; }));
  });
}

TEST_P(MemoryModel, MM_09_what_precedes_an_unlock_is_visible_after_later_locks) {
  goro::mutex m;
  std::array<int, 4> plain{};
  const int n = repetitions(2000);
  const auto change = [&](int turns) {
    for (int i = 0; i < turns; ++i) {
      std::unique_lock held(m, std::defer_lock);
      switch (i % 4) {
        case 0:
          held.lock();
          break;
        case 1:
          while (!held.try_lock()) goro::this_goroutine::yield();
          break;
        case 2:
          EXPECT_TRUE(held.try_lock_for(1h));
          break;
        default:
          EXPECT_TRUE(held.try_lock_until(goro::clock::now() + 1h));
      }
      for (int& p : plain) {
        EXPECT_EQ(p, plain[0]);
      }
      for (int& p : plain) ++p;
    }
  };
  std::jthread thread([&] { change(n); });
  in_goroutine([&] {
    goro::wait_group ended;
    for (int g = 0; g < 6; ++g) ended.go([&] { change(n); });
    ended.wait();
  });
  thread.join();
  EXPECT_EQ(plain[0], 7 * n);
}

TEST_P(MemoryModel, MM_12_what_precedes_done_is_visible_after_the_wait_also_for_several_waiters_and_reuse) {
  in_goroutine([] {
    goro::wait_group wg;
    std::array<int, 4> plain{};
    for (int round = 1; round <= repetitions(500); ++round) {
      wg.add(static_cast<int>(plain.size()));
      goro::wait_group waiters;
      for (int w = 0; w < 3; ++w) {
        waiters.go([&, round] {
          wg.wait();
          for (const int p : plain) EXPECT_EQ(p, round);
        });
      }
      for (int& p : plain) {
        goro::go([&p, &wg, round] {
          p = round;
          wg.done();
        });
      }
      EXPECT_TRUE(wg.wait_for(1h));
      for (const int p : plain) EXPECT_EQ(p, round);
      waiters.wait();
    }
  });
}

TEST_P(MemoryModel, MM_13_the_end_of_the_function_is_visible_after_every_call_of_the_once) {
  repeat(300, [](int i) {
    goro::once o;
    int plain = 0;
    goro::wait_group ended;
    for (int g = 0; g < 8; ++g) {
      ended.go([&] {
        o.call([&] { plain = i; });
        EXPECT_EQ(plain, i);
      });
    }
    ended.wait();
  });
}

TEST_P(MemoryModel, MM_08_the_chosen_case_has_the_edges_of_the_plain_operation) {
  repeat(500, [](int i) {
    for (const int capacity : {0, 1}) {
      const goro::chan<int> wanted{capacity};
      const goro::chan<int> never;
      int plain = 0;
      int back = 0;
      goro::go([&, wanted] {
        plain = i;
        goro::send_case out{wanted, 1};
        goro::recv_case other{never};
        goro::select(out, other);
        EXPECT_TRUE(out);
        if (capacity == 0) {
          EXPECT_EQ(back, -i);
        }
        wanted.close();
      });
      back = -i;
      goro::recv_case in{wanted};
      goro::recv_case other{never};
      goro::select(in, other);
      EXPECT_EQ(plain, i);
      goro::select(other, in);  // closed
      EXPECT_EQ(in.take(), std::nullopt);
    }
  });
}

TEST_P(MemoryModel, MM_10_unlocks_of_a_shared_mutex) {
  goro::shared_mutex m;
  std::array<int, 4> plain{};
  std::atomic<int> writes{0};
  const int n = repetitions(500);
  const auto use = [&](int g) {
    int written = 0;  // by this one alone, seen by itself only under the lock of a reader
    for (int i = 0; i < n; ++i) {
      if ((i + g) % 4 == 0) {
        const std::unique_lock held(m);
        for (int& p : plain) ++p;
        writes.fetch_add(1, std::memory_order_relaxed);
        ++written;
      } else {
        const std::shared_lock held(m);
        for (const int p : plain) EXPECT_EQ(p, plain[0]);
        EXPECT_GE(plain[0], written);
      }
    }
  };
  std::jthread thread([&] { use(6); });
  in_goroutine([&] {
    goro::wait_group ended;
    for (int g = 0; g < 6; ++g) ended.go([&, g] { use(g); });
    ended.wait();
  });
  thread.join();
  EXPECT_EQ(plain[0], writes.load());
}

TEST_P(MemoryModel, MM_14_a_notification_is_visible_to_the_wait_that_it_ends) {
  repeat(500, [](int i) {
    goro::mutex m;
    goro::condition_variable cv;
    int plain = 0;
    std::array<int, 2> woken{};
    goro::wait_group ended;
    goro::chan<goro::unit> waits{2};
    for (int& w : woken) {
      ended.go([&] {
        std::unique_lock held(m);
        waits.send({});
        cv.wait(held);
        w = plain;
      });
    }
    waits.recv();
    waits.recv();
    {
      const std::lock_guard both_wait(m);
    }
    plain = i;  // not under the lock
    if (i % 2 == 0) {
      cv.notify_all();
    } else {
      cv.notify_one();
      cv.notify_one();
    }
    ended.wait();
    EXPECT_EQ(woken, (std::array{i, i}));
  });
}

TEST_P(MemoryModel, MM_15_atomic_operations_are_one_order_and_synchronise) {
  repeat(2000, [](int i) {
    std::atomic<int> x{0};
    std::atomic<int> y{0};
    std::array<int, 2> seen{};
    int plain = 0;
    goro::wait_group ended;
    ended.go([&] {
      plain = i;
      x = 1;
      seen[0] = y;
    });
    ended.go([&] {
      y = 1;
      seen[1] = x;
      if (seen[1] == 1) {
        EXPECT_EQ(plain, i);
      }
    });
    ended.wait();
    EXPECT_NE(seen, (std::array{0, 0}));
  });
}

TEST_P(MemoryModel, MM_17_what_precedes_a_timer_is_visible_to_its_firing) {
  repeat(100, [](int i) {
    int plain = i;
    const goro::chan<int> called{1};
    goro::timer f = goro::after_func(20us, [&plain, called] { called.send(plain); });
    EXPECT_EQ(called.recv(), i);

    int before_new = 0;
    int before_after = 0;
    int before_reset = 0;
    goro::wait_group ended;
    std::atomic<int> step{0};
    before_new = i;
    goro::timer t(20us);
    before_after = i;
    const goro::recv_chan<goro::time_point> after = goro::after(20us);
    ended.go([&, c = t.c()] {
      c.recv();
      EXPECT_EQ(before_new, i);
      after.recv();
      EXPECT_EQ(before_after, i);
      step.store(1, std::memory_order_relaxed);
      while (step.load(std::memory_order_relaxed) != 2) goro::this_goroutine::yield();
      c.recv();
      EXPECT_EQ(before_reset, i);
    });
    while (step.load(std::memory_order_relaxed) != 1) goro::this_goroutine::yield();
    before_reset = i;
    t.reset(20us);
    step.store(2, std::memory_order_relaxed);
    ended.wait();

    plain = -i;
    f.reset(20us);
    EXPECT_EQ(called.recv(), -i);
  });
}

TEST_P(MemoryModel, MM_18_what_precedes_a_cancel_is_visible_after_done) {
  repeat(500, [](int i) {
    const auto [ctx, cancel] = goro::with_cancel(goro::background());
    int plain = 0;
    goro::wait_group ended;
    for (int g = 0; g < 3; ++g) {
      ended.go([&plain, i, c = ctx] {
        c.done().recv();
        EXPECT_EQ(plain, i);
        EXPECT_EQ(c.err(), goro::errc::canceled);
        EXPECT_EQ(c.cause(), std::errc::io_error);
      });
    }
    ended.go([&plain, i, c = ctx] {
      while (!c.err()) goro::this_goroutine::yield();
      EXPECT_EQ(plain, i);
      EXPECT_EQ(c.cause(), std::errc::io_error);
    });
    plain = i;
    cancel(std::make_error_code(std::errc::io_error));
    ended.wait();
  });
}

// How often the goroutines of MM-19 were found on another thread than before. What makes them move: one keeps
// its P busy, so that others take what waits there, and all wait for turns, so that who runs elsewhere wakes
// them.
struct migration_count {
  explicit migration_count(int least) : least_(least) {}

  void look(pid_t& here) {
    const pid_t now = ::gettid();  // not std::this_thread::get_id(): compilers take that for a constant
    if (now == here) return;
    here = now;
    seen_.fetch_add(1, std::memory_order_relaxed);
  }
  bool enough() const { return seen_.load(std::memory_order_relaxed) >= least_; }

 private:
  std::atomic<int> seen_{0};
  int least_;
};

TEST_P(MemoryModel, MM_19_a_goroutines_own_steps_stay_in_order_across_migrations) {
  migration_count migrations(procs() > 1 ? 20 : 0);
  const auto end = std::chrono::steady_clock::now() + 60s;
  const auto go_on = [&](int i) {
    return i <= repetitions(500) || (!migrations.enough() && std::chrono::steady_clock::now() < end);
  };
  in_goroutine([&] {
    goro::wait_group ended;
    goro::chan<int> turns(8);
    for (int g = 0; g < 64; ++g) {
      ended.go([&, computes = g == 0] {
        std::array<int, 8> plain{};
        const auto heap = std::make_unique<int>(0);
        pid_t here = ::gettid();
        for (int i = 1; go_on(i); ++i) {
          for (int& p : plain) p = i;
          *heap = i;
          if (i % 50 == 0) {
            goro::sleep_for(10us);
          } else {
            turns.send(i);
            goro::this_goroutine::yield();
            turns.recv();
          }
          if (computes) goro_test::compute(100us);
          for (const int p : plain) ASSERT_EQ(p, i);
          ASSERT_EQ(*heap, i);
          migrations.look(here);
        }
      });
    }
    ended.wait();
  });
  EXPECT_TRUE(migrations.enough());
}

}  // namespace
