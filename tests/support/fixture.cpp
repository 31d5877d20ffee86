#include "support/fixture.hpp"

#include <exception>
#include <iostream>
#include <thread>

#include <goro/diag.hpp>
#include <goro/goro.hpp>

namespace goro_test {

namespace {

// More than any test may leave in memory: caches are fine, a stack for every goroutine that ever ran is not.
constexpr std::size_t k_growth_kb = std::size_t{512} * 1024;

}  // namespace

void in_goroutine(const std::function<void()>& body) {
  signal_flag done;
  std::exception_ptr error;
  goro::go(goro::go_options{}.name("test body"), [&] {
    const goro::scope_exit at_end([&] { done.set(); });
    try {
      body();
    } catch (const std::exception&) {
      error = std::current_exception();
    }
  });
  done.wait();
  if (error) std::rethrow_exception(error);
}

void procs_test::SetUp() {
  goro::set_max_procs(procs());
  // The first sleep of the process may open what stays open.
  const std::size_t already_there = goro::goroutine_count();
  in_goroutine([] { goro::sleep_for(1us); });
  eventually([&] { return goro::goroutine_count() == already_there; }, 2s);
  overlook_present_goroutines();
  before_ = look_at_process();
}

bool procs_test::nothing_left() const {
  const process_state now = look_at_process();
  return now.goroutines == before_.goroutines + left_by_intent_ &&
         now.stacks <= before_.stacks + left_by_intent_ && now.descriptors <= before_.descriptors;
}

void procs_test::TearDown() {
  if (eventually([&] { return nothing_left(); }, 2s)) {
    if (memory_is_ours()) {
      EXPECT_LE(resident_kb(), before_.resident_kb + k_growth_kb) << "resident memory in KB";
    }
    return;
  }
  const process_state now = look_at_process();
  EXPECT_EQ(now.goroutines, before_.goroutines + left_by_intent_) << "goroutines are left";
  EXPECT_LE(now.stacks, before_.stacks + left_by_intent_) << "stacks are left in use";
  EXPECT_LE(now.descriptors, before_.descriptors) << "file descriptors are left open";
  goro::diag::dump_goroutines(std::cerr);
}

}  // namespace goro_test
