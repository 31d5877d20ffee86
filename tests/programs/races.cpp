// Programs with a data race, and some whose like has none: `races CASE`. Built with ThreadSanitizer, which is
// to report the first and to be silent about the others: what the runtime does on its own account must not
// hide a race. The parts of a case are put in order by relaxed atomics, which order nothing in the memory
// model's sense.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <thread>

#include <goro/goro.hpp>

namespace {

using namespace std::chrono_literals;

// ThreadSanitizer remembers only so much of what goroutines have done last (history_size), of those that have
// ended the least, and reports no race with what it has forgotten. Whoever has to wait for long is therefore
// to sleep rather than to look again and again.
template <class Condition>
void await(Condition condition) {
  constexpr int k_yields = 500;
  for (int n = 0; !condition(); ++n) {
    n < k_yields ? goro::this_goroutine::yield() : goro::sleep_for(1ms);
  }
}

// Lets another part of the program go on. Orders nothing.
class mark {
 public:
  void set() { set_.store(true, std::memory_order_relaxed); }
  void await() const {
    ::await([this] { return set_.load(std::memory_order_relaxed); });
  }
  void await_asleep() const {
    while (!set_.load(std::memory_order_relaxed)) goro::sleep_for(1ms);
  }

 private:
  std::atomic<bool> set_{false};
};

void await_the_end_of_the_others() {
  await([] { return goro::goroutine_count() == 1; });
}

// The plain variable of most cases, and the two accesses to it.
int g_plain = 0;
void first_access() { g_plain = 1; }
void second_access() { g_plain += 2; }

// --- MM-02 ---

void end_of_a_goroutine() {
  goro::go(first_access);
  await_the_end_of_the_others();
  second_access();
}

void waited_for_goroutine() {
  goro::wait_group ended;
  ended.go(first_access);
  ended.wait();
  second_access();
}

// --- MM-07 ---

void receive_where_there_was_room() {
  const goro::chan<int> c{1};
  mark accessed;
  goro::go([&, c] {
    first_access();
    accessed.set();
    c.recv();
  });
  accessed.await();
  c.send(1);
  second_access();
}

void receive_before_the_next_send_of_a_full_channel() {
  const goro::chan<int> c{1};
  c.send(1);
  goro::go([&, c] {
    first_access();
    c.recv();
  });
  c.send(2);
  second_access();
}

void size_of_a_channel() {
  const goro::chan<int> c{1};
  goro::go([c] {
    first_access();
    c.send(1);
  });
  while (c.size() == 0) goro::this_goroutine::yield();
  second_access();
}

void two_senders_of_a_buffered_channel() {
  const goro::chan<int> c{2};
  mark sent;
  goro::go([&, c] {
    first_access();
    c.send(1);
    sent.set();
  });
  sent.await();
  c.send(2);
  second_access();
}

// --- MM-08 ---

// Somebody offers an element of `b` all the time, after the first access.
template <class F>
void beside_an_offer(const goro::chan<int>& b, F second) {
  mark accessed;
  mark tried;
  goro::go([&, b] {
    first_access();
    accessed.set();
    tried.await();
    b.send(1);
  });
  accessed.await();
  second();
  second_access();
  tried.set();
  b.recv();
}

void losing_case() {
  const goro::chan<int> a;
  const goro::chan<int> b;
  goro::go([a] { a.send(1); });
  beside_an_offer(b, [&] {
    goro::recv_case from_a{a};
    goro::recv_case from_b{b};
    goro::select(from_a, from_b);
  });
}

void select_with_default() {
  const goro::chan<int> b;
  beside_an_offer(b, [&] {
    goro::recv_case from_b{b};
    if (goro::try_select(from_b)) std::abort();
  });
}

void failed_try_recv() {
  const goro::chan<int> b;
  beside_an_offer(b, [&] {
    if (b.try_recv()) std::abort();
  });
}

void chosen_case() {
  const goro::chan<int> a;
  const goro::chan<int> b;
  goro::go([b] {
    first_access();
    b.send(1);
  });
  goro::recv_case from_a{a};
  goro::recv_case from_b{b};
  goro::select(from_a, from_b);
  second_access();
}

// --- MM-09, MM-11 ---

void failed_try_lock() {
  goro::mutex m;
  mark accessed;
  mark tried;
  goro::wait_group ended;
  ended.go([&] {
    const std::lock_guard held(m);
    first_access();
    accessed.set();
    tried.await();
  });
  accessed.await();
  if (m.try_lock()) std::abort();
  second_access();
  tried.set();
  ended.wait();
}

using reader = std::shared_lock<goro::shared_mutex>;
using writer = std::unique_lock<goro::shared_mutex>;

template <class First, class Second>
void one_lock_after_the_other() {
  static goro::shared_mutex m;
  mark accessed;
  goro::go([&] {
    {
      const First held(m);
      first_access();
    }
    accessed.set();
  });
  accessed.await();
  const Second held(m);
  second_access();
}

void two_mutexes() {
  goro::mutex a;
  goro::mutex b;
  mark accessed;
  goro::go([&] {
    {
      const std::lock_guard held(a);
      first_access();
    }
    accessed.set();
  });
  accessed.await();
  const std::lock_guard held(b);
  second_access();
}

// --- MM-20 ---

// Both start before either ends: with one P they run one after the other on one thread.
void one_after_the_other() {
  std::atomic<int> ended{0};
  for (const auto access : {first_access, second_access}) {
    goro::go([&ended, access] {
      access();
      ended.fetch_add(1, std::memory_order_relaxed);
    });
  }
  await([&] { return ended.load(std::memory_order_relaxed) == 2; });
}

// The second gets what the first had: descriptor, stack, P.
void in_the_place_of_another() {
  goro::go(first_access);
  await_the_end_of_the_others();
  goro::go(second_access);
  await_the_end_of_the_others();
}

// Who yields is who looks at the clock, and lets the sleeper go on.
void woken_by_the_clock() {
  mark accessed;
  mark ended;
  goro::go([&] {
    accessed.await();
    goro::sleep_for(1ms);
    second_access();
    ended.set();
  });
  goro::go([&] {
    first_access();
    accessed.set();
    ended.await_asleep();  // what an ended one has done would be forgotten sooner
  });
  while (goro::goroutine_count() != 1) goro::this_goroutine::yield();
}

void timer_function() {
  mark ended;
  const goro::timer t = goro::after_func(5ms, [&] {
    second_access();
    ended.set();
  });
  first_access();  // after the timer was made
  ended.await_asleep();
}

// A plain thread, which waits for the value already when the timer is set.
template <class Set>
void thread_waits_for_timer(Set set) {
  goro::timer t(1h);
  mark accessed;
  std::jthread thread([&accessed, c = t.c()] {
    c.recv();
    second_access();
    accessed.set();
  });
  goro::sleep_for(20ms);  // until it waits
  set(t);
  accessed.await_asleep();  // before the join, which holds the only P
}
void timer_seen_by_a_thread() {
  thread_waits_for_timer([](goro::timer& t) {
    first_access();
    t.reset(1ms);
  });
}
void after_the_timer_was_set() {
  thread_waits_for_timer([](goro::timer& t) {
    t.reset(50ms);
    first_access();
  });
}

// Readers that leave while a writer waits for them.
void two_readers_and_a_writer() {
  static goro::shared_mutex m;
  mark inside;
  mark accessed;
  goro::go([&] {
    m.lock_shared();
    inside.set();
    while (m.try_lock_shared()) {  // until the writer waits
      m.unlock_shared();
      goro::this_goroutine::yield();
    }
    first_access();
    m.unlock_shared();
    accessed.set();
  });
  inside.await();
  m.lock_shared();
  goro::go([&] { const writer held(m); });
  accessed.await();
  second_access();
  m.unlock_shared();
  await_the_end_of_the_others();
}

void unlock_of_unlocked() {
  goro::mutex m;
  m.unlock();
}
void all_asleep() { goro::chan<int>().recv(); }

void racy_counter() {
  goro::wait_group ended;
  for (int g = 0; g < 100; ++g) ended.go([] { ++g_plain; });
  ended.wait();
  std::printf("%d\n", g_plain);
}

// What has no race though much of it happens at the same places: stacks, descriptors, elements, closures.
void nothing_but_reuse() {
  for (int round = 0; round < 50; ++round) {
    goro::wait_group ended;
    const goro::chan<std::string> c{2};
    for (int g = 0; g < 8; ++g) {
      ended.go([c, text = std::string(100, 'x'), round] {
        int local[64] = {};
        for (int& i : local) i = round;
        c.send(text + std::to_string(local[round]));
        if (round % 2 == 0) goro::this_goroutine::exit();
        goro::sleep_for(10us);
      });
    }
    for (int g = 0; g < 8; ++g) {
      if (c.recv()->size() < 100) std::abort();
    }
    ended.wait();
  }
}

const std::map<std::string, std::function<void()>> k_cases = {
    {"end_of_a_goroutine", end_of_a_goroutine},
    {"waited_for_goroutine", waited_for_goroutine},
    {"receive_where_there_was_room", receive_where_there_was_room},
    {"receive_before_the_next_send_of_a_full_channel", receive_before_the_next_send_of_a_full_channel},
    {"size_of_a_channel", size_of_a_channel},
    {"two_senders_of_a_buffered_channel", two_senders_of_a_buffered_channel},
    {"losing_case", losing_case},
    {"select_with_default", select_with_default},
    {"failed_try_recv", failed_try_recv},
    {"chosen_case", chosen_case},
    {"failed_try_lock", failed_try_lock},
    {"two_readers", one_lock_after_the_other<reader, reader>},
    {"reader_and_writer", one_lock_after_the_other<reader, writer>},
    {"writer_and_reader", one_lock_after_the_other<writer, reader>},
    {"two_mutexes", two_mutexes},
    {"one_after_the_other", one_after_the_other},
    {"in_the_place_of_another", in_the_place_of_another},
    {"woken_by_the_clock", woken_by_the_clock},
    {"timer_function", timer_function},
    {"timer_seen_by_a_thread", timer_seen_by_a_thread},
    {"after_the_timer_was_set", after_the_timer_was_set},
    {"two_readers_and_a_writer", two_readers_and_a_writer},
    {"unlock_of_unlocked", unlock_of_unlocked},
    {"all_asleep", all_asleep},
    {"racy_counter", racy_counter},
    {"nothing_but_reuse", nothing_but_reuse},
};

}  // namespace

int main(int argc, char** argv) {
  const auto found = argc == 2 ? k_cases.find(argv[1]) : k_cases.end();
  if (found == k_cases.end()) {
    std::fprintf(stderr, "usage: races CASE\n");
    return 64;
  }
  return goro::run(found->second);
}
