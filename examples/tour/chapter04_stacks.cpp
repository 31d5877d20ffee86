// Chapter 4: every goroutine has a stack of its own, which it gets when it first runs and gives back when it
// ends.

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "tour.hpp"

namespace tour {

namespace {

// Adds 1 + 2 + ... + n the hard way: one frame of at least 256 bytes for each number, and a look at all of
// them on the way back, so that a damaged frame shows.
[[gnu::noinline]] std::uint64_t deep_sum(std::uint64_t n) {
  volatile std::uint64_t frame[32];
  for (std::size_t i = 0; i != 32; ++i) frame[i] = n;
  if (n == 0) return 0;
  if (n % 100 == 0) goro::this_goroutine::yield();  // switch now and then, with all those frames on the stack
  const std::uint64_t below = deep_sum(n - 1);
  for (std::size_t i = 0; i != 32; ++i) {
    if (frame[i] != n) return 0;
  }
  return below + n;
}

void deep_recursion() {
  constexpr std::uint64_t k_depth = 300;
  const std::size_t goroutines = 500;
  std::atomic<std::size_t> right{0};
  goro::wait_group wg;
  for (std::size_t i = 0; i != goroutines; ++i) {
    wg.go([&right] {
      if (deep_sum(k_depth) == k_depth * (k_depth + 1) / 2) right.fetch_add(1);
    });
  }
  wg.wait();
  say("%zu goroutines recursed %d calls deep at the same time, 80 KB and more each, switching on the way",
      goroutines, static_cast<int>(k_depth));
  check(right.load() == goroutines, "all sums are right: nobody wrote on another's stack");
}

void addresses_stay() {
  const goro::chan<int*> address;
  const goro::chan<goro::unit> written;
  auto reader = goro::async([=] {
    int local = 0;  // lives on this goroutine's stack
    address.send(&local);
    written.recv();
    return local;
  });
  *address.recv().value() = 42;
  written.send({});
  check(reader.get() == 42,
        "a local variable keeps its address while its goroutine waits; stacks never move");
}

// Goroutines that have not run yet have no stack.
void bound_when_first_run() {
  const procs_scope one(1);
  constexpr std::size_t k_waiting = 200;
  goro::wait_group wg;
  eventually([] { return goro::goroutine_count() == 1; });  // those of before have given their stacks back
  const auto before = goro::stats().stacks_in_use;
  for (std::size_t i = 0; i != k_waiting; ++i) wg.go([] {});
  const auto queued = goro::stats().stacks_in_use;
  wg.wait();
  say("%zu goroutines were started, main kept the only P: stacks in use went from %llu to %llu", k_waiting,
      static_cast<unsigned long long>(before), static_cast<unsigned long long>(queued));
  check(queued < before + k_waiting / 2,
        "a goroutine gets its stack when it first runs, not when it is started");
}

void reused() {
  const std::size_t n = scaled(200'000);
  const auto reserved = goro::stats().stack_bytes_reserved;
  goro::wait_group wg;
  for (std::size_t i = 0; i != n; ++i) {
    wg.go([] {});
    if (i % 64 == 0) wg.wait();
  }
  wg.wait();
  const auto grown = goro::stats().stack_bytes_reserved - reserved;
  say("%zu goroutines came and went; the address space kept for stacks grew by %llu KB", n,
      static_cast<unsigned long long>(grown / 1024));
  check(grown < 64U * 1024 * 1024, "stacks of ended goroutines are used again");
}

double resident_mb() { return static_cast<double>(resident_bytes()) / (1 << 20); }

// One that never said how much it needs goes deep, returns, and lives on.
void grows_and_shrinks() {
  const std::size_t limit = goro::set_max_stack(0);
  const std::size_t depth = limit / 16 * 3;  // 192 MB of 1 GB
  const goro::chan<goro::unit> back;
  const goro::chan<goro::unit> stop;
  const double before = resident_mb();
  std::size_t levels = 0;
  goro::wait_group wg;
  wg.go([&] {
    levels = dive(depth);
    back.send({});
    stop.recv();
  });
  back.recv();
  const double deep = resident_mb();
  say("a goroutine recursed %zu calls deep; the process grew from %.0f to %.0f MB", levels, before, deep);
  const double wanted = before + (deep - before) / 10;
  const double took = seconds([&] { eventually([&] { return resident_mb() < wanted; }); });
  say("it has returned and waits; %.1f s later the process has %.0f MB", took, resident_mb());
  check(levels > depth / 4100, "nobody had to say how large the stack must be");
  check(took < 5, "what it does not need any more went back to the system while it waited");
  stop.send({});
  wg.wait();
}

}  // namespace

void chapter_stacks(const settings&) {
  say("A stack is reserved address space; the kernel gives it memory page by page, as it is touched.");
  deep_recursion();
  addresses_stay();
  bound_when_first_run();
  reused();
  if (times_count()) {
    grows_and_shrinks();
  } else {
    say("(not shown in a build with a sanitizer: there a stack is 256 KB unless set_max_stack says "
        "otherwise)");
  }
  overflow_is_reported();
}

}  // namespace tour
