// Goroutines that need more stack than there is, and what only looks like it: `overflow CASE [NUMBER]`.
//
// An overflow happens in a goroutine named "diver", inside of a catch-all and beside a deferred call: what
// these print must not be seen. Nothing that is printed is buffered, since the process ends without flushing.
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <limits>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <goro/goro.hpp>

namespace {

using namespace std::chrono_literals;

std::size_t g_number = 0;  // what was given on the command line

// --- depth ---

constexpr long k_for_ever = std::numeric_limits<long>::max();

// Which part of a frame is touched first.
enum class from { callers_end, far_end };

// So many calls within each other, with frames of that many bytes.
template <std::size_t Bytes, from First = from::callers_end>
[[gnu::noinline]] long dive(long levels) {
  constexpr std::size_t k_step = std::min<std::size_t>(Bytes, 1024);
  volatile char frame[Bytes];
  for (std::size_t i = 0; i < Bytes; i += k_step) frame[First == from::far_end ? i : Bytes - 1 - i] = 1;
  frame[0] = 1;
  const long below = levels == 0 ? 0 : dive<Bytes, First>(levels - 1);
  return below + frame[0];
}

// Dives when it is destroyed.
struct bottomless {
  ~bottomless() { dive<16>(k_for_ever); }
};

[[gnu::noinline]] void allocate_deeper(long levels) {
  void* volatile memory = std::malloc(24);
  if (levels != 0) allocate_deeper(levels - 1);
  std::free(memory);
}

// Calls into the runtime at every level: most of what is below a level is then the runtime's.
template <class F>
[[gnu::noinline]] long enter_deeper(F& enter, long levels) {
  volatile char frame[16];
  frame[0] = 1;
  enter();
  const long below = levels == 0 ? 0 : enter_deeper(enter, levels - 1);
  return below + frame[0];
}

// --- divers ---

// `ended` is closed when it is over.
void start_diver(const std::function<void()>& body, const goro::chan<int>& ended = goro::chan<int>(nullptr)) {
  std::printf("line %d\n", __LINE__ + 1);
  goro::go(goro::go_options{}.name("diver").stack(g_number), [body, ended] {
    const goro::scope_exit end([&ended] {
      if (ended) ended.close();
    });
    const goro::scope_exit deferred([] { std::puts("deferred call ran"); });
    try {
      body();
      std::puts("went on");
    } catch (...) {
      std::puts("caught");
    }
  });
}

// Another one for each diver that yields, sends and receives.
const goro::chan<int> values;

void in_diver(const std::function<void()>& body) {
  goro::run([&] {
    const goro::chan<int> ended;
    start_diver(body, ended);
    ended.recv();
  });
}

void while_unwinding() {
  const bottomless at_the_end;
  throw std::runtime_error("in flight");
}

void in_a_deferred_call_while_unwinding() {
  const goro::scope_exit deferred([]() noexcept { dive<16>(k_for_ever); });
  throw std::runtime_error("in flight");
}

void during_exit() {
  const bottomless at_the_end;
  goro::this_goroutine::exit();
}

// On the stack of the goroutine: nothing has asked for another one.
void in_a_signal_handler() {
  struct sigaction action{};
  action.sa_handler = [](int) { dive<16>(k_for_ever); };
  ::sigaction(SIGUSR1, &action, nullptr);
  ::raise(SIGUSR1);
}

void while_yielding() {
  goro::go([] {
    for (;;) goro::this_goroutine::yield();
  });
  auto enter = [] { goro::this_goroutine::yield(); };
  enter_deeper(enter, k_for_ever);
}

void while_receiving() {
  goro::go([] {
    for (;;) values.send(1);
  });
  auto enter = [] { values.recv(); };
  enter_deeper(enter, k_for_ever);
}

void while_sleeping() {
  auto enter = [] { goro::sleep_for(1us); };
  enter_deeper(enter, k_for_ever);
}

void while_starting_others() {
  auto enter = [] { goro::go([] {}); };
  enter_deeper(enter, k_for_ever);
}

void in_the_text_of_a_panic() {
  struct endless : std::exception {
    const char* what() const noexcept override {
      dive<16>(k_for_ever);
      return "";
    }
  };
  goro::run([] {
    goro::go([] { throw endless(); });
    goro::sleep_for(10s);
  });
}

// All but one wait until the report of that one has ended; a signal may come meanwhile.
void several_at_once() {
  struct sigaction action{};
  action.sa_handler = [](int) {};
  action.sa_flags = SA_ONSTACK;
  ::sigaction(SIGURG, &action, nullptr);
  goro::run([] {
    for (int i = 0; i < 8; ++i) start_diver([] { dive<16>(k_for_ever); });
    goro::sleep_for(10s);
  });
}

void with_a_limit_that_was_set() {
  goro::set_max_stack(std::exchange(g_number, 0));
  in_diver([] { dive<1024>(k_for_ever); });
}

// It has begun with another limit.
void with_a_limit_that_is_set_later() {
  in_diver([] {
    goro::set_max_stack(64 << 10);
    dive<1024>(k_for_ever);
  });
}

// --- neighbours ---

// What a parked goroutine has on its stack, and how it is sent diving.
struct neighbour {
  goro::chan<goro::unit> dive_now{1};
  std::span<const unsigned char> pattern;
  unsigned char value = 0;

  bool intact() const {
    return std::all_of(pattern.begin(), pattern.end(), [this](unsigned char c) { return c == value; });
  }
  // Stacks of so many bytes, with what lies between them.
  bool is_just_below(const neighbour& other, std::size_t stack_bytes) const {
    const std::ptrdiff_t distance = other.pattern.data() - pattern.data();
    return distance > 0 && distance < static_cast<std::ptrdiff_t>(stack_bytes + stack_bytes / 4 * 3);
  }
};
std::array<neighbour, 64> g_neighbours;
struct sigaction g_goros_handler;

// Half of the smallest stack that there is, or more.
template <std::size_t Bytes>
void hold_pattern(neighbour& self, goro::wait_group& ready) {
  std::array<unsigned char, Bytes> pattern;
  pattern.fill(self.value);
  self.pattern = pattern;
  ready.done();
  self.dive_now.recv();
  dive<100 << 10, from::far_end>(k_for_ever);
  asm volatile("" : : "r"(pattern.data()) : "memory");  // until here: no jump instead of the call
}

// Everything that the overflow could do it has done when the signal comes.
void look_at_neighbours(int signal, siginfo_t* info, void* context) {
  const bool intact =
      std::all_of(g_neighbours.begin(), g_neighbours.end(), [](const neighbour& n) { return n.intact(); });
  std::puts(intact ? "the neighbours are intact" : "a neighbour is damaged");
  g_goros_handler.sa_sigaction(signal, info, context);
}

// One that has a neighbour on both sides.
neighbour* in_the_middle(std::size_t stack_bytes) {
  const auto has = [](auto relation) {
    return std::any_of(g_neighbours.begin(), g_neighbours.end(), relation);
  };
  const auto found = std::find_if(g_neighbours.begin(), g_neighbours.end(), [&](const neighbour& n) {
    return has([&](const neighbour& other) { return other.is_just_below(n, stack_bytes); }) &&
           has([&](const neighbour& other) { return n.is_just_below(other, stack_bytes); });
  });
  return found == g_neighbours.end() ? nullptr : &*found;
}

template <std::size_t PatternBytes>
void among_neighbours(std::size_t stack_bytes) {
  goro::wait_group ready;
  for (neighbour& n : g_neighbours) {
    n.value = static_cast<unsigned char>(&n - g_neighbours.data() + 1);
    ready.add();
    goro::go(goro::go_options{}.name("diver"), [&] { hold_pattern<PatternBytes>(n, ready); });
  }
  ready.wait();
  struct sigaction action{};
  action.sa_sigaction = look_at_neighbours;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  ::sigaction(SIGSEGV, &action, &g_goros_handler);
  neighbour* const diver = in_the_middle(stack_bytes);
  if (!diver) std::puts("nobody has neighbours");
  if (diver) diver->dive_now.send({});
  goro::sleep_for(10s);
}

void among_neighbours_of_the_usual_size() {
  goro::run([] { among_neighbours<32 << 10>(goro::set_max_stack(0)); });
}

// --- faults that are none of ours ---

void store_to_nowhere() {
  const volatile std::uintptr_t address = 64;
  *reinterpret_cast<volatile int*>(std::uintptr_t{address}) = 1;
}

void overflow_of_a_thread() {
  goro::run([] { std::thread([] { dive<16>(k_for_ever); }).join(); });
}

void after_installing_a_handler(const std::function<void()>& body) {
  struct sigaction action{};
  action.sa_sigaction = [](int, siginfo_t* info, void*) {
    std::printf("the user's handler, %d\n", info->si_addr == reinterpret_cast<void*>(std::uintptr_t{64}));
    ::_exit(7);
  };
  action.sa_flags = SA_SIGINFO;
  ::sigaction(SIGSEGV, &action, nullptr);
  in_diver(body);
}

void after_installing_a_plain_handler() {
  ::signal(SIGSEGV, [](int) {
    std::puts("the user's handler");
    ::_exit(7);
  });
  in_diver(store_to_nowhere);
}

void after_installing_a_handler_for_one_fault() {
  struct sigaction action{};
  action.sa_handler = [](int) { std::puts("the user's handler"); };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigaction(SIGSEGV, &action, nullptr);
  in_diver(store_to_nowhere);
}

void sent_although_ignored() {
  ::signal(SIGSEGV, SIG_IGN);
  goro::run([] { ::raise(SIGSEGV); });
  std::puts("went on");
}

// --- no overflow ---

// So many goroutines that have a stack, and wait.
void crowd(std::size_t n) {
  goro::wait_group ready;
  for (std::size_t i = 0; i != n; ++i) {
    ready.add();
    goro::go([&] {
      ready.done();
      values.recv();
    });
  }
  ready.wait();
}

void report_depth() {
  constexpr long k_levels = 2000;
  goro::wait_group ended;
  ended.go([] { std::printf("depth %ld\n", dive<1024>(k_levels) - 1); });
  ended.wait();
}

void print_limit() { std::printf("%zu\n", goro::set_max_stack(0)); }

void last_of_a_crowd() {
  goro::run([] {
    crowd(g_number);
    report_depth();
  });
}

void last_of_a_crowd_overflows() {
  goro::run([] {
    crowd(std::exchange(g_number, 0));
    start_diver([] { dive<16>(k_for_ever); });
    goro::sleep_for(10s);
  });
}

void limit_address_space() {
  const rlimit eight_gb{.rlim_cur = std::size_t{8} << 30, .rlim_max = std::size_t{8} << 30};
  if (::setrlimit(RLIMIT_AS, &eight_gb) != 0) std::abort();
}

void in_little_address_space() {
  limit_address_space();
  goro::run([] {
    print_limit();
    report_depth();
    crowd(100'000);
    std::printf("%zu\n", goro::goroutine_count());
  });
}

// So many that the next ones get the smallest stacks; on one P, since another one may keep some larger ones
// for itself.
constexpr std::size_t k_those_before = 5000;
const goro::run_options k_one_p = goro::run_options{}.max_procs(1);

void overflow_in_little_address_space() {
  limit_address_space();
  goro::run(k_one_p, [] {
    crowd(k_those_before);
    start_diver([] { dive<16>(k_for_ever); });
    goro::sleep_for(10s);
  });
}

void among_neighbours_in_little_address_space() {
  limit_address_space();
  goro::run(k_one_p, [] {
    crowd(k_those_before);
    among_neighbours<16 << 10>(32 << 10);
  });
}

void without_address_space() {
  limit_address_space();
  g_number = std::size_t{16} << 30;
  in_diver([] {});
}

const std::map<std::string, std::function<void()>> k_cases{
    {"plain", [] { in_diver([] { dive<16>(k_for_ever); }); }},
    {"kilobytes", [] { in_diver([] { dive<1024>(k_for_ever); }); }},
    {"frames", [] { in_diver([] { dive<100 << 10>(k_for_ever); }); }},
    {"leaps", [] { in_diver([] { dive<100 << 10, from::far_end>(k_for_ever); }); }},
    {"main", [] { goro::run([] { dive<16>(k_for_ever); }); }},
    {"unwinding", [] { in_diver(while_unwinding); }},
    {"deferred", [] { in_diver(in_a_deferred_call_while_unwinding); }},
    {"exit", [] { in_diver(during_exit); }},
    {"handler", [] { in_diver(in_a_signal_handler); }},
    {"allocating", [] { in_diver([] { allocate_deeper(k_for_ever); }); }},
    {"yielding", [] { in_diver(while_yielding); }},
    {"receiving", [] { in_diver(while_receiving); }},
    {"sleeping", [] { in_diver(while_sleeping); }},
    {"starting", [] { in_diver(while_starting_others); }},
    {"text_of_a_panic", in_the_text_of_a_panic},
    {"several", several_at_once},
    {"set", with_a_limit_that_was_set},
    {"set_later", with_a_limit_that_is_set_later},
    {"neighbours", among_neighbours_of_the_usual_size},
    {"null", [] { in_diver(store_to_nowhere); }},
    {"sent", [] { in_diver([] { ::raise(SIGSEGV); }); }},
    {"ignored", sent_although_ignored},
    {"thread", overflow_of_a_thread},
    {"chained", [] { after_installing_a_handler(store_to_nowhere); }},
    {"chained_plain", after_installing_a_plain_handler},
    {"chained_once", after_installing_a_handler_for_one_fault},
    {"chained_overflow", [] { after_installing_a_handler([] { dive<16>(k_for_ever); }); }},
    {"limit", print_limit},
    {"crowd", last_of_a_crowd},
    {"crowd_overflow", last_of_a_crowd_overflows},
    {"little_space", in_little_address_space},
    {"little_space_overflow", overflow_in_little_address_space},
    {"little_space_neighbours", among_neighbours_in_little_address_space},
    {"no_space", without_address_space},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || !k_cases.contains(argv[1])) return 99;
  if (argc == 3) g_number = std::strtoull(argv[2], nullptr, 0);
  const rlimit no_core{};
  ::setrlimit(RLIMIT_CORE, &no_core);
  std::setvbuf(stdout, nullptr, _IONBF, 0);
  k_cases.at(argv[1])();
}
