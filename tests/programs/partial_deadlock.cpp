// Some wait for each other while others go on: `partial_deadlock CASE`, with GORO_DEBUG=deadlocks=1. Each
// case ends by itself; exit code 7.
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <goro/diag.hpp>
#include <goro/goro.hpp>

namespace {

using namespace std::chrono_literals;

// A report is written by who is about to wait: when all of them wait it is there.
void until_all_wait(const std::string& what) {
  const auto waits = [&](const goro::diag::goroutine_info& g) {
    return g.id == goro::this_goroutine::id() || g.state == what;
  };
  for (bool all = false; !all; goro::sleep_for(10ms)) {
    const auto present = goro::diag::goroutines();
    all = std::all_of(present.begin(), present.end(), waits);
  }
}
void until_all_wait_for_mutexes() { until_all_wait("sync.Mutex.Lock"); }

// --- mutexes ---

// Those that wait for each other live on, and so must what they wait for.
template <std::size_t N>
void ring_of_mutexes() {
  static goro::mutex locks[N];
  const auto everybody_has_one = std::make_shared<goro::wait_group>();
  everybody_has_one->add(N);
  for (std::size_t i = 0; i != N; ++i) {
    goro::go(goro::go_options{}.name("philosopher " + std::to_string(i)), [=] {
      const std::lock_guard left(locks[i]);
      everybody_has_one->done();
      everybody_has_one->wait();
      const std::lock_guard right(locks[(i + 1) % N]);
    });
  }
  until_all_wait_for_mutexes();
}

void twice() {
  static goro::mutex m;
  goro::go([] {
    const std::lock_guard once(m);
    m.lock();
  });
  until_all_wait_for_mutexes();
}

// What a thread reports is there when all are asleep: a deadlock of all.
void in_a_thread(const std::function<void()>& body) {
  std::thread(body).detach();
  goro::block_forever();
}
void twice_in_a_thread() {
  static goro::mutex m;
  in_a_thread([] {
    m.lock();
    m.lock();
  });
}

void thread_and_goroutine() {
  static goro::mutex a;
  static goro::mutex b;
  static goro::wait_group both;
  both.add(2);
  const auto take = [](goro::mutex& first, goro::mutex& second) {
    const std::lock_guard mine(first);
    both.done();
    both.wait();
    const std::lock_guard yours(second);
  };
  goro::go([take] { take(b, a); });
  in_a_thread([take] { take(a, b); });
}

// Of a shared_mutex the writers are known.
void upgrade() {
  static goro::shared_mutex m;
  goro::go([] {
    m.lock();
    m.lock();
  });
  until_all_wait_for_mutexes();
}

void leak_of_two() {
  const goro::diag::leak_check check;
  ring_of_mutexes<2>();
}

// Waits on a condition variable with the mutex, which others use meanwhile.
void condition() {
  goro::mutex m;
  goro::mutex other;
  goro::condition_variable turned;
  int turn = 0;
  goro::wait_group all;
  for (int who = 0; who != 2; ++who) {
    all.go([&, who] {
      for (int i = 0; i != 1000; ++i) {
        std::unique_lock lock(m);
        turned.wait(lock, [&] { return turn == who; });
        const std::lock_guard nested(other);
        turn = 1 - who;
        turned.notify_all();
      }
    });
  }
  all.wait();
}

// Each tries the other's lock for a while only.
void with_deadlines() {
  goro::mutex a;
  goro::mutex b;
  goro::wait_group both;
  both.add(2);
  goro::wait_group all;
  const auto take = [&](goro::mutex& first, goro::mutex& second) {
    const std::lock_guard mine(first);
    both.done();
    both.wait();
    if (second.try_lock_for(50ms)) second.unlock();
  };
  all.go([&] { take(a, b); });
  all.go([&] { take(b, a); });
  all.wait();
}

// Locked by one, unlocked by another: then it is nobody's.
void unlocked_by_another() {
  goro::mutex handed;
  goro::mutex other;
  const goro::chan<goro::unit> locked;
  const goro::chan<goro::unit> end;
  goro::wait_group all;
  all.go([&] {
    handed.lock();
    locked.close();
    end.recv();
    const std::lock_guard waits(other);  // for main, which waits for `handed`, which is not this one's
  });
  locked.recv();
  handed.unlock();
  other.lock();
  end.close();
  const goro::chan<goro::unit> taken;
  all.go([&] {
    const std::lock_guard briefly(handed);
    taken.close();
    goro::sleep_for(50ms);
  });
  taken.recv();
  handed.lock();
  handed.unlock();
  other.unlock();
  all.wait();
}

// Many that fight for a few, in one order.
void contention() {
  goro::mutex a;
  goro::mutex b;
  goro::wait_group all;
  long n = 0;
  const auto work = [&] {
    for (int i = 0; i != 2000; ++i) {
      const std::lock_guard first(a);
      if (i % 8 == 0) goro::this_goroutine::yield();
      const std::scoped_lock second(b);
      ++n;
    }
  };
  for (int i = 0; i != 8; ++i) all.go(work);
  std::thread thread(work);
  all.wait();
  thread.join();
  if (n != 9 * 2000) std::abort();
}

// --- channels that only their waiter has ---

using channel = goro::chan<int>;

// Whoever starts one keeps nothing of it in its own frames.
template <class F>
[[gnu::noinline]] void left_behind(const char* name, F f) {
  goro::go(goro::go_options{}.name(name), std::move(f));
}

[[gnu::noinline]] void start_hopeless_ones() {
  left_behind("receiver", [] { channel().recv(); });
  left_behind("sender", [] {
    const channel own;
    own.send(1);
  });
  left_behind("selector", [] {
    const channel a;
    const channel b;
    goro::recv_case from_a{a};
    goro::send_case to_b{b, 1};
    goro::select(from_a, to_b);
  });
  left_behind("captured", [own = channel()] { own.recv(); });
  left_behind("nil", [] { channel(nullptr).recv(); });
}

void use_some_stack() {
  volatile char below[16384];
  for (volatile char& c : below) c = 0;
}

void leak_of_hopeless_ones() {
  const goro::diag::leak_check check;
  start_hopeless_ones();
  goro::sleep_for(50ms);
  use_some_stack();
}

// Others have a handle, or a reference to one.
struct holder {
  virtual ~holder() = default;
  channel mine;
};
channel g_static;
std::mutex g_queue_guard;
std::vector<std::function<void()>> g_queue;

void put_into_queue(std::function<void()> f) {
  const std::lock_guard guard(g_queue_guard);
  g_queue.push_back(std::move(f));
}
std::unique_ptr<holder> g_heap;
const channel* volatile g_address = nullptr;

channel g_never;
void sleep_in_the_runtime(const channel& c) {
  g_never.recv();
  c.close();
}

// And one that is not, which shows that it was looked for.
[[gnu::noinline]] void start_innocent_ones() {
  left_behind("hopeless", [] { channel().recv(); });
  g_heap = std::make_unique<holder>();
  left_behind("by reference", [] {
    const channel own;
    goro::go([&own] { sleep_in_the_runtime(own); });
    own.recv();
  });
  left_behind("by a thread", [] {
    const channel own;
    std::thread([&own] { sleep_in_the_runtime(own); }).detach();
    own.recv();
  });
  left_behind("by a copy in a thread", [] {
    const channel own;
    std::thread([own] { sleep_in_the_runtime(own); }).detach();
    own.recv();
  });
  left_behind("in an object", [] { g_heap->mine.recv(); });
  left_behind("static", [] { g_static.recv(); });
  left_behind("copy of a static one", [] {
    const channel own = g_static;
    goro::recv_case a{own};
    const channel other;
    goro::recv_case b{other};
    goro::select(a, b);
  });
  left_behind("in a queue", [] {
    const channel own;
    put_into_queue([own] { own.close(); });
    own.recv();
  });
  left_behind("by reference in a queue", [] {
    const channel own;
    put_into_queue([&own] { own.close(); });
    own.recv();
  });
  left_behind("by its address", [] {
    const channel own;
    g_address = &own;
    own.recv();
  });
  left_behind("timer", [] {
    const goro::timer t(1h);
    t.c().recv();
  });
  left_behind("closed by a timer", [] {
    const channel own;
    const auto t = goro::after_func(1h, [&own] { own.close(); });
    own.recv();
  });
  left_behind("with a deadline", [] {
    const channel own;
    static_cast<void>(own.try_recv_for(1h));
  });
  left_behind("nil with a deadline", [] { static_cast<void>(channel(nullptr).try_recv_for(1h)); });
}

void leak_of_innocent_ones() {
  const goro::diag::leak_check check;
  start_innocent_ones();
  goro::sleep_for(50ms);
  use_some_stack();
}

// Where a thread of the program sleeps by itself nothing is known: it may have a handle in a register.
void leak_beside_a_thread() {
  const goro::diag::leak_check check;
  left_behind("by a sleeping thread", [] {
    const channel own;
    std::thread([own] {
      std::this_thread::sleep_for(1h);
      own.close();
    }).detach();
    own.recv();
  });
}

// The same in a process that goes on. The keeper looks at least every three seconds, and notices a wait at
// the first look, tells of it at the second or third.
constexpr auto k_three_looks = 10s;

void watch_hopeless_ones() {
  start_hopeless_ones();
  goro::sleep_for(k_three_looks);
}
void watch_innocent_ones() {
  start_innocent_ones();
  goro::sleep_for(k_three_looks);
}

int run(void (*body)()) {
  goro::run(body);
  return 7;
}

const std::map<std::string, void (*)()> k_cases{
    {"two", ring_of_mutexes<2>},
    {"three", ring_of_mutexes<3>},
    {"twice", twice},
    {"twice_in_a_thread", twice_in_a_thread},
    {"thread_and_goroutine", thread_and_goroutine},
    {"upgrade", upgrade},
    {"leak_of_two", leak_of_two},
    {"condition", condition},
    {"with_deadlines", with_deadlines},
    {"unlocked_by_another", unlocked_by_another},
    {"contention", contention},
    {"leak_of_hopeless_ones", leak_of_hopeless_ones},
    {"leak_of_innocent_ones", leak_of_innocent_ones},
    {"leak_beside_a_thread", leak_beside_a_thread},
    {"watch_hopeless_ones", watch_hopeless_ones},
    {"watch_innocent_ones", watch_innocent_ones},
};

}  // namespace

int main(int argc, char** argv) {
  const auto found = k_cases.find(argc == 2 ? argv[1] : "");
  return found == k_cases.end() ? 99 : run(found->second);
}
