// Workloads about channels and locks.
#include <goro/goro.hpp>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include "bench.hpp"

namespace bench {
namespace {

using std::int64_t;

// Two goroutines exchange a value over two unbuffered channels.
void ping_pong() {
  const int64_t n = size_or(1'000'000);
  const goro::chan<int64_t> a;
  const goro::chan<int64_t> b;
  goro::go([a, b] {
    for (const int64_t v : a) b.send(v);
  });
  const auto start = clock::now();
  for (int64_t i = 0; i < n; ++i) {
    a.send(i);
    b.recv();
  }
  report_per_op(start, n);
}

// One sender, one receiver, capacity 128.
void chan_spsc() {
  const int64_t n = size_or(10'000'000);
  const goro::chan<int64_t> c{128};
  const auto start = clock::now();
  goro::go([c, n] {
    for (int64_t i = 0; i < n; ++i) c.send(i);
    c.close();
  });
  int64_t sum = 0;
  for (const int64_t v : c) sum += v;
  report_per_op(start, n);
  check(sum == n * (n - 1) / 2, "wrong sum");
}

// 4 senders and 4 receivers share one channel.
void chan_mpmc(int64_t capacity) {
  const int64_t n = size_or(4'000'000);
  const goro::chan<int64_t> c{capacity};
  goro::wait_group senders;
  goro::wait_group receivers;
  const auto start = clock::now();
  for (int g = 0; g < 4; ++g) {
    senders.add(1);
    receivers.add(1);
    goro::go([c, n, &senders] {
      for (int64_t i = 0; i < n / 4; ++i) c.send(i);
      senders.done();
    });
    goro::go([c, &receivers] {
      int64_t sum = 0;
      for (const int64_t v : c) sum += v;
      keep(sum);
      receivers.done();
    });
  }
  senders.wait();
  c.close();
  receivers.wait();
  report_per_op(start, n);
}

// One receiver selects over 4 channels, each with a sender of its own.
void select_fanin(int64_t capacity) {
  const int64_t n = size_or(2'000'000);
  std::vector<goro::chan<int64_t>> c;
  const auto start = clock::now();
  for (int g = 0; g < 4; ++g) {
    c.emplace_back(capacity);
    goro::go([out = c.back(), n] {
      for (int64_t i = 0; i < n / 4; ++i) out.send(i);
    });
  }
  goro::recv_case a{c[0]};
  goro::recv_case b{c[1]};
  goro::recv_case d{c[2]};
  goro::recv_case e{c[3]};
  int64_t sum = 0;
  for (int64_t i = 0; i < n / 4 * 4; ++i) {
    goro::select(a, b, d, e);
    sum += (a ? a : b ? b : d ? d : e).take().value();
  }
  report_per_op(start, n);
  check(sum == 4 * ((n / 4) * (n / 4 - 1) / 2), "wrong sum");
}

// Sends to a channel of capacity 1, then selects on it against a new timer of an hour, then stops the timer.
void select_timeout() {
  const int64_t n = size_or(1'000'000);
  const goro::chan<int64_t> c{1};
  const auto start = clock::now();
  for (int64_t i = 0; i < n; ++i) {
    c.send(i);
    goro::timer t{std::chrono::hours(1)};
    goro::recv_case value{c};
    goro::recv_case fired{t.c()};
    goro::select(value, fired);
    check(!fired, "fired");
    t.stop();
  }
  report_per_op(start, n);
}

// 8 goroutines take one step after another on something that a lock guards. The step is called through a
// pointer that the compiler cannot see through, because Go's twin calls a function value there.
template <class Lock>
struct locked_counter {
  Lock guard;
  int64_t value = 0;
};

template <class Counter>
void contend(Counter& counter, void (*step_to_take)(Counter&, int64_t)) {
  const int64_t g = goroutines_or(8);
  const int64_t n = size_or(1'000'000);
  void (*volatile opaque)(Counter&, int64_t) = step_to_take;
  const auto step = opaque;
  goro::wait_group wg;
  const auto start = clock::now();
  for (int64_t k = 0; k < g; ++k) {
    wg.add(1);
    goro::go([&wg, &counter, step, n] {
      for (int64_t i = 0; i < n; ++i) step(counter, i);
      wg.done();
    });
  }
  wg.wait();
  report_per_op(start, g * n);
}

void mutex() {
  using counter_type = locked_counter<goro::mutex>;
  counter_type counter;
  contend<counter_type>(counter, [](counter_type& c, int64_t) {
    const std::lock_guard lock(c.guard);
    ++c.value;
  });
  check(counter.value == goroutines_or(8) * size_or(1'000'000), "lost increments");
}

// One step in 100 writes, the others read.
void rwmutex() {
  using counter_type = locked_counter<goro::shared_mutex>;
  counter_type counter;
  contend<counter_type>(counter, [](counter_type& c, int64_t i) {
    if (i % 100 == 0) {
      const std::lock_guard lock(c.guard);
      ++c.value;
    } else {
      const std::shared_lock lock(c.guard);
      keep(c.value);
    }
  });
  check(counter.value == goroutines_or(8) * ((size_or(1'000'000) + 99) / 100), "lost increments");
}

// A token makes n hops round 1000 goroutines joined by unbuffered channels.
void ring() {
  const int64_t g = goroutines_or(1000);
  const int64_t n = size_or(1'000'000);
  const goro::chan<bool> done{g};
  const goro::chan<int64_t> first;
  goro::chan<int64_t> in = first;
  for (int64_t i = 0; i < g; ++i) {
    const goro::chan<int64_t> out = i == g - 1 ? first : goro::chan<int64_t>();
    goro::go([in, out, done] {
      for (const int64_t v : in) {
        if (v == 0) {
          done.send(true);
          return;
        }
        out.send(v - 1);
      }
    });
    in = out;
  }
  const auto start = clock::now();
  first.send(n);
  done.recv();
  report_per_op(start, n);
}

// A chain of filter goroutines, one for each prime, until the 2500th prime.
void sieve() {
  const int64_t n = size_or(2500);
  const auto start = clock::now();
  goro::chan<int64_t> c;
  goro::go([c] {
    for (int64_t i = 2;; ++i) c.send(i);
  });
  int64_t p = 0;
  for (int64_t i = 0; i < n; ++i) {
    p = c.recv().value();
    const goro::chan<int64_t> next;
    goro::go([in = c, out = next, p] {
      for (;;) {
        const int64_t v = in.recv().value();
        if (v % p != 0) out.send(v);
      }
    });
    c = next;
  }
  report("ms", ms_since(start));
  check(n != 2500 || p == 22'307, "wrong prime");
}

constexpr workload k_workloads[] = {
    {"ping_pong", ping_pong},
    {"chan_spsc", chan_spsc},
    {"chan_mpmc", [] { chan_mpmc(128); }},
    {"chan_unbuf_mpmc", [] { chan_mpmc(0); }},
    {"select_fanin", [] { select_fanin(0); }},
    {"select_fanin_buf", [] { select_fanin(128); }},
    {"select_timeout", select_timeout},
    {"mutex", mutex},
    {"rwmutex", rwmutex},
    {"ring", ring},
    {"sieve", sieve},
};

}  // namespace

std::span<const workload> comm_workloads() { return k_workloads; }

}  // namespace bench
