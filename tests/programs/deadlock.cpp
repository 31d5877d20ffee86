// Programs in which nobody can be woken any more, or just not yet: `deadlock CASE`.
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include <goro/goro.hpp>
#include <goro/signal.hpp>

namespace {

using namespace std::chrono_literals;

// Each blocks the caller for ever.
void in_recv() { goro::chan<int>{}.recv(); }
void in_send() { goro::chan<int>{}.send(1); }
void in_nil_channel() { goro::chan<int>{nullptr}.recv(); }
void in_select() {
  const goro::chan<int> a;
  const goro::chan<int> b;
  goro::recv_case from_a{a};
  goro::recv_case from_b{b};
  goro::select(from_a, from_b);
}
void in_mutex() {
  goro::mutex m;
  m.lock();
  m.lock();
}
void in_wait_group() {
  goro::wait_group never;
  never.add();
  never.wait();
}
// Nobody can set them any more, so they are no reason to wait.
void beside_timers_that_are_never_due() {
  constexpr auto k_never = goro::clock::duration::max();
  goro::after_func(k_never, [] {});
  {
    goro::timer t = goro::after_func(0s, [] {});
    goro::sleep_for(1ms);
    t.reset(k_never);
  }
  {
    const goro::timer t{k_never};
  }
  {
    const auto c = goro::after(k_never);
  }
  in_recv();
}
void in_condition() {
  goro::mutex m;
  goro::condition_variable c;
  std::unique_lock lock(m);
  c.wait(lock);
}

// Goroutines that wait for each other in a ring.
void in_a_ring() {
  const goro::chan<int> first;
  goro::chan<int> left = first;
  for (int i = 0; i < 100; ++i) {
    const goro::chan<int> right;
    goro::go([left, right] { right.send(left.recv().value_or(0)); });
    left = right;
  }
  left.recv();
}

// Two that have taken the locks of each other.
void in_each_others_locks() {
  goro::mutex a;
  goro::mutex b;
  const goro::chan<goro::unit> have_b;
  const goro::chan<goro::unit> have_a;
  goro::go([&] {
    const std::lock_guard first(b);
    have_b.close();
    have_a.recv();
    const std::lock_guard second(a);
  });
  const std::lock_guard first(a);
  have_a.close();
  have_b.recv();
  const std::lock_guard second(b);
}

void in_a_locked_one() {
  const goro::os_thread_lock here;
  in_recv();
}
void in_several_locked_ones() {
  for (int i = 0; i < 3; ++i) goro::go(in_a_locked_one);
  in_a_locked_one();
}

void with_signals_linked(bool use_them) {
  // Linked, and not used.
  if (use_them) goro::notify(goro::chan<int>{1}, {SIGUSR1}).stop();
  in_recv();
}

void block_for_a_while() {
  constexpr timespec k_while{.tv_sec = 0, .tv_nsec = 300'000'000};
  ::nanosleep(&k_while, nullptr);
}

// Everybody waits, and all of it ends: exit code 7.
void for_a_sleeper() {
  const goro::chan<int> done;
  goro::go([done] {
    goro::sleep_for(300ms);
    done.close();
  });
  done.recv();
}
void for_a_timer() {
  const goro::chan<int> done;
  const auto timer = goro::after_func(300ms, [done] { done.close(); });
  done.recv();
}
void for_a_thread() {
  const goro::chan<int> done;
  std::jthread([done] {
    block_for_a_while();
    done.close();
  }).detach();
  done.recv();
}
void for_a_blocked_one() {
  const goro::chan<int> done;
  goro::go([done] {
    block_for_a_while();
    done.close();
  });
  done.recv();
}

int run(void (*body)()) {
  goro::run(body);
  return 7;
}
// Without a main goroutine: the thread of main waits as those do.
int plain(void (*body)()) {
  body();
  return 7;
}

const std::map<std::string, std::function<int()>> k_cases{
    {"recv", [] { return run(in_recv); }},
    {"send", [] { return run(in_send); }},
    {"nil_channel", [] { return run(in_nil_channel); }},
    {"select", [] { return run(in_select); }},
    {"mutex", [] { return run(in_mutex); }},
    {"wait_group", [] { return run(in_wait_group); }},
    {"condition", [] { return run(in_condition); }},
    {"endless_timers", [] { return run(beside_timers_that_are_never_due); }},
    {"ring", [] { return run(in_a_ring); }},
    {"each_others_locks", [] { return run(in_each_others_locks); }},
    {"plain_recv", [] { return plain(in_recv); }},
    {"plain_select", [] { return plain(in_select); }},
    {"plain_mutex", [] { return plain(in_mutex); }},
    {"plain_ring", [] { return plain(in_a_ring); }},
    {"locked", [] { return run(in_a_locked_one); }},
    {"several_locked", [] { return run(in_several_locked_ones); }},
    {"signals_linked", [] { return run([] { with_signals_linked(std::getenv("GORO_NEVER") != nullptr); }); }},
    {"for_a_sleeper", [] { return run(for_a_sleeper); }},
    {"for_a_timer", [] { return run(for_a_timer); }},
    {"for_a_thread", [] { return run(for_a_thread); }},
    {"for_a_blocked_one", [] { return run(for_a_blocked_one); }},
};

}  // namespace

int main(int argc, char** argv) {
  const auto found = k_cases.find(argc == 2 ? argv[1] : "");
  return found == k_cases.end() ? 99 : found->second();
}
