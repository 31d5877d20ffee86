// oneTBB called from goroutines. It has threads of its own, knows its callers by their threads, and the
// caller takes part in the work or blocks its thread until that is done.
#include <gtest/gtest.h>
#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/parallel_reduce.h>
#include <tbb/task_arena.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <stdexcept>
#include <vector>

#include <goro/goro.hpp>

#include "support/fixture.hpp"
#include "support/ping_pong.hpp"

namespace {

using goro_test::block_thread;
using goro_test::in_goroutine;
using goro_test::ping_pong;
using namespace std::chrono_literals;

using range = tbb::blocked_range<std::size_t>;

constexpr std::size_t k_size = 20'000;
constexpr long k_sum = static_cast<long>(k_size * (k_size - 1) / 2);

std::vector<long> filled() {
  std::vector<long> numbers(k_size);
  tbb::parallel_for(range(0, k_size, 500), [&](const range& r) {
    for (std::size_t i = r.begin(); i != r.end(); ++i) numbers[i] = static_cast<long>(i);
  });
  return numbers;
}

long sum_of(const std::vector<long>& numbers) {
  return tbb::parallel_reduce(
      range(0, numbers.size(), 500), 0L,
      [&](const range& r, long sum) {
        for (std::size_t i = r.begin(); i != r.end(); ++i) sum += numbers[i];
        return sum;
      },
      std::plus<>());
}

struct Tbb : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, Tbb, testing::Values(1, 4));

TEST_P(Tbb, SCHED_20_parallel_algorithms_count_right_beside_goroutines_that_talk) {
  in_goroutine([] {
    ping_pong beside;
    std::atomic<int> right{0};
    goro::wait_group ended;
    for (int g = 0; g < 16; ++g) {
      ended.go([&right] {
        for (int i = 0; i < 20; ++i) {
          const std::vector<long> numbers = filled();
          goro::this_goroutine::yield();  // and on, perhaps on another thread
          right += sum_of(numbers) == k_sum;
        }
      });
    }
    ended.wait();
    EXPECT_EQ(right, 16 * 20);
    EXPECT_GE(beside.stop(), 20);
  });
}

// Those that find no place in the arena block until others have done their work for them. Its threads are
// there also if there is only one core.
TEST_P(Tbb, SCHED_20_callers_without_a_place_in_the_arena_block_only_their_threads) {
  in_goroutine([] {
    const tbb::global_control threads(tbb::global_control::max_allowed_parallelism, 4);
    tbb::task_arena arena(2);
    ping_pong beside;
    std::atomic<int> right{0};
    goro::wait_group ended;
    for (int g = 0; g < 16; ++g) {
      ended.go([&] {
        for (int i = 0; i < 20; ++i) {
          const std::vector<long> numbers = arena.execute(filled);
          goro::this_goroutine::yield();
          right += arena.execute([&] {
            block_thread(100us);
            return sum_of(numbers);
          }) == k_sum;
        }
      });
    }
    ended.wait();
    EXPECT_EQ(right, 16 * 20);
    EXPECT_GE(beside.stop(), 20);
  });
}

// A body may wait in goro: on a thread of oneTBB as on any thread, and on the caller's if that is the
// caller's own, so that it finds oneTBB's state there when it goes on.
TEST_P(Tbb, bodies_send_to_goroutines_when_the_caller_is_locked_to_its_thread) {
  in_goroutine([] {
    const goro::chan<long> numbers{16};
    goro::wait_group callers;
    for (int g = 0; g < 4; ++g) {
      callers.go([numbers] {
        const goro::os_thread_lock here;
        tbb::parallel_for(range(0, 1000, 50), [numbers](const range& r) {
          for (std::size_t i = r.begin(); i != r.end(); ++i) numbers.send(static_cast<long>(i));
        });
      });
    }
    goro::go([&callers, numbers] {
      callers.wait();
      numbers.close();
    });
    long sum = 0;
    for (const long n : numbers) sum += n;
    EXPECT_EQ(sum, 4 * 999L * 1000 / 2);
  });
}

TEST_P(Tbb, an_exception_of_a_body_comes_back_to_the_goroutine_that_called) {
  in_goroutine([] {
    const ping_pong beside;
    for (int i = 0; i < 20; ++i) {
      EXPECT_THROW(tbb::parallel_for(range(0, 1000, 10),
                                     [](const range& r) {
                                       if (r.begin() <= 500 && 500 < r.end()) throw std::out_of_range("500");
                                     }),
                   std::out_of_range);
      goro::this_goroutine::yield();
    }
  });
}

}  // namespace
