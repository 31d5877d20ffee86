// The overflow report.
//
// A goroutine that needs more stack than there is touches its guard. The kernel then runs the handler on the
// thread's alternate stack. If the address lies in the guard of the goroutine that runs on this thread, it is
// an overflow: the report, and the end of the process with code 2. Everything else goes to the handler that
// was there before; if there was none, the default action is restored and the instruction runs again, so that
// the process dies, or dumps its core, as it would have without us.
//
// The handler may have interrupted anything, malloc too: it takes no memory from malloc, takes no lock of the
// runtime, and writes each line when it is known. Two things that it calls are less careful: the unwinder and
// the search for names read what the program has left there, and may fault again; and they may wait for a
// lock that the interrupted function holds, for ever. So a second fault, or an alarm, ends the stack where it
// is, and the last line of the report comes all the same. Names stay as the linker knows them, because
// demangling allocates.
#include "stack/overflow.hpp"

#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "diag/backtrace.hpp"
#include "diag/debug_env.hpp"
#include "diag/fatal.hpp"
#include "diag/fatal_handler.hpp"
#include "diag/symbols.hpp"
#include "os/thread.hpp"
#include "sched/scheduler.hpp"
#include "stack/stack_pool.hpp"

namespace goro::detail {

namespace {

struct sigaction g_former;

[[gnu::format(printf, 1, 2)]] void print(const char* format, ...) noexcept {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  const int n = std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (n > 0) write_stderr({text, std::min(static_cast<std::size_t>(n), sizeof text - 1)});
}

std::uintptr_t stack_pointer_of(const void* context) noexcept {
  const auto& registers = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return static_cast<std::uintptr_t>(registers.gregs[REG_RSP]);
#else
  return registers.sp;
#endif
}

constexpr std::size_t k_most_frames = 32;

// The report's last line; once only.
void print_origin(const goroutine& g) noexcept {
  const std::source_location where = g.where.load(std::memory_order_relaxed);
  if (where.line() != 0) {
    print("created at %s:%u (%s)", where.file_name(), where.line(), where.function_name());
  } else {
    print("created at (unknown place)");
  }
  if (const auto creator = g.creator.load(std::memory_order_relaxed); creator != 0)
    print(" in goroutine %llu", static_cast<unsigned long long>(creator));
  print("\n");
}

// As labels_in_words(), but for quotes within: nothing may be allocated here.
void print_labels(const goroutine_labels& all) noexcept {
  const char* separator = " {";
  for (const auto& [key, value] : all) {
    print("%s\"%s\":\"%s\"", separator, key.c_str(), value.c_str());
    separator = ", ";
  }
  if (!all.empty()) print("}");
}

void print_header(const goroutine& g) noexcept {
  print("goroutine %llu", static_cast<unsigned long long>(g.id.load(std::memory_order_relaxed)));
  if (g.extras && !g.extras->name.empty()) print(" \"%s\"", g.extras->name.c_str());
  print(" [running]");
  if (g.extras && g.extras->labels) print_labels(*g.extras->labels);
  print(":\n");
}

// `runtime` frames are left out at the inner end, and at the outer one, which is rarely reached.
struct printing {
  std::size_t printed = 0;
  bool any = false;
};

void print_frame(const raw_frame& f, void* arg) noexcept {
  auto& p = *static_cast<printing*>(arg);
  if (p.printed == k_most_frames || (!p.any && is_runtime(f))) return;
  p.any = true;
  ++p.printed;
  print("%s%s\n\t", f.function ? f.function : "??", f.function ? "(...)" : "");
  if (f.file) {
    print("%s:%d\n", f.file, f.line);
  } else {
    print("%s+0x%zx\n", f.module ? f.module : "", f.offset);
  }
}

// What the limit was, and how to get another.
void print_limit(const goroutine& g, const stack_slot& s) noexcept {
  const std::size_t set = g_stack_choice.asked.load(std::memory_order_relaxed);
  const bool second = g.wanted_stack() == 0 && s.pool != stack_kind(0) && s.pool->size() < set;
  print("runtime: goroutine stack exceeds %zu-byte limit\n", s.limit.load(std::memory_order_relaxed));
  if (second) {
    print(
        "(the first %zu goroutines that run at once may have %zu bytes, further ones %zu:\n"
        " go_options{}.stack(n) asks for more for one, GORO_STACK or set_max_stack(n) for all)\n",
        stack_kind(0)->bound(), set, s.limit.load(std::memory_order_relaxed));
  }
}

std::atomic<pid_t> g_reporting{0};  // the thread that unwinds
std::atomic<const goroutine*> g_guilty{nullptr};

[[noreturn]] void end_overflow() noexcept {
  end_process(
      {.kind = diag::fatal_kind::stack_overflow, .text = "fatal error: stack overflow", .stacks = {}});
}

// The program's fatal handler may use the alarm itself. A fault in it still comes to stop_walking().
[[noreturn]] void end_report(const goroutine& g) noexcept {
  print_origin(g);
  ::alarm(0);
  ::signal(SIGALRM, SIG_IGN);  // forgets one that is on its way
  ::signal(SIGALRM, SIG_DFL);
  end_overflow();
}

// Unwinding reads what the program has left there. Another thread may overflow meanwhile; it waits. The alarm
// may come to any. So may a fault in the program's fatal handler.
void stop_walking(int signal) {
  constexpr std::chrono::seconds k_longest{5};
  if (signal == SIGSEGV && g_reporting.load(std::memory_order_relaxed) != ::gettid())
    sleep_through(k_longest);
  end_if_handler_runs();
  print("\t(cannot be unwound further)\n");
  end_report(*g_guilty.load(std::memory_order_relaxed));
}

// One more fault, and no more than some seconds: a sanitizer takes one or two of them to read the debug
// information.
void limit_walk(const goroutine& g) noexcept {
  constexpr unsigned k_seconds = 10;
  g_guilty.store(&g, std::memory_order_relaxed);
  g_reporting.store(::gettid(), std::memory_order_relaxed);
  struct sigaction last{};
  last.sa_handler = stop_walking;
  last.sa_flags = SA_ONSTACK | SA_NODEFER;
  sigset_t both;
  ::sigemptyset(&both);
  for (const int signal : {SIGSEGV, SIGALRM}) {
    ::sigaction(signal, &last, nullptr);
    ::sigaddset(&both, signal);
  }
  ::pthread_sigmask(SIG_UNBLOCK, &both, nullptr);
  ::alarm(k_seconds);
}

[[noreturn]] void report_overflow(const goroutine& g, const stack_slot& s, const void* context) noexcept {
  claim_last_report();
  const std::uintptr_t sp = stack_pointer_of(context);
  const auto bottom = reinterpret_cast<std::uintptr_t>(s.bottom);
  const auto top = reinterpret_cast<std::uintptr_t>(s.top);
  print_limit(g, s);
  print("sp=0x%zx stack=[0x%zx, 0x%zx]\n", sp, bottom, top);
  print("fatal error: stack overflow\n\n");
  if (traceback() == traceback_level::none) end_overflow();
  print_header(g);
  limit_walk(g);
  stack_trace trace;
  trace_between(trace, bottom - s.pool->guard(), top);
  printing p;
  for (std::size_t i = 0; i != trace.size && p.printed != k_most_frames; ++i)
    for_each_frame(trace.pcs[i], print_frame, &p);
  if (trace.size == 0) print("\t(cannot be unwound)\n");
  if (trace.elided || p.printed == k_most_frames) print("...additional frames elided...\n");
  end_report(g);
}

bool has_overflown(const goroutine* gp, const void* address) noexcept {
  const stack_slot* s = gp ? gp->stack() : nullptr;
  if (!s || !s->pool) return false;
  const auto* const a = static_cast<const std::byte*>(address);
  return a >= s->bottom - s->pool->guard() && a < s->bottom;
}

// The switch saves registers on the stack that it leaves, when the next goroutine is noted as running
// already. Who was the last one to be left may have left long ago, so the stack pointer is looked at, too.
bool overflows_in_switch(const goroutine* gp, const void* address, std::uintptr_t sp) noexcept {
  if (!has_overflown(gp, address)) return false;
  const stack_slot* s = gp->stack();
  return sp >= reinterpret_cast<std::uintptr_t>(s->bottom) - s->pool->guard() &&
         sp <= reinterpret_cast<std::uintptr_t>(s->top);
}

struct sigaction former_action() noexcept {
  const struct sigaction former = g_former;
  if ((former.sa_flags & static_cast<int>(SA_RESETHAND)) != 0) {  // once only
    g_former = {};
    g_former.sa_handler = SIG_DFL;
  }
  return former;
}

// As if there were no handler of ours.
void pass_on(int signal, siginfo_t* info, void* context) noexcept {
  const struct sigaction former = former_action();
  if ((former.sa_flags & SA_SIGINFO) != 0) return former.sa_sigaction(signal, info, context);
  if (former.sa_handler == SIG_IGN && info->si_code <= 0) return;  // a fault cannot be ignored
  if (former.sa_handler != SIG_DFL && former.sa_handler != SIG_IGN) return former.sa_handler(signal);
  ::signal(signal, SIG_DFL);
  // A fault comes again when the instruction does; what was sent has to be sent again.
  if (info->si_code <= 0) ::syscall(SYS_tgkill, ::getpid(), ::gettid(), signal);
}

void on_fault(int signal, siginfo_t* info, void* context) {
  const int saved = errno;
  const machine* mp = current_machine();
  if (mp && info->si_code > 0) {
    const goroutine* left = mp->left.load(std::memory_order_relaxed);
    if (has_overflown(mp->curg, info->si_addr)) report_overflow(*mp->curg, *mp->curg->stack(), context);
    if (overflows_in_switch(left, info->si_addr, stack_pointer_of(context)))
      report_overflow(*left, *left->stack(), context);
  }
  errno = saved;
  pass_on(signal, info, context);
}

}  // namespace

void install_overflow_handler() noexcept {
  struct sigaction action{};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  ::sigemptyset(&action.sa_mask);
  if (::sigaction(SIGSEGV, &action, &g_former) != 0) g_former = {};
}

stack_slot* provide_signal_stack() noexcept {
  constexpr std::size_t k_for_the_report = std::size_t{64} << 10;
  const std::size_t bytes =
      static_cast<std::size_t>(std::max(::sysconf(_SC_MINSIGSTKSZ), 0L)) + k_for_the_report;
  stack_t present{};
  if (::sigaltstack(nullptr, &present) == 0 && (present.ss_flags & SS_DISABLE) == 0 &&
      present.ss_size >= bytes - k_for_the_report / 2)
    return nullptr;  // a sanitizer's; it takes it back when the thread ends
  stack_slot* s = take_stack(bytes);
  if (!s) return nullptr;  // an overflow will be a plain crash
  sched.signal_stacks.fetch_add(1, std::memory_order_relaxed);
  const stack_t ours{.ss_sp = s->bottom, .ss_flags = 0, .ss_size = s->size()};
  ::sigaltstack(&ours, nullptr);
  return s;
}

void withdraw_signal_stack(stack_slot* s) noexcept {
  if (!s) return;
  const stack_t none{.ss_sp = nullptr, .ss_flags = SS_DISABLE, .ss_size = 0};
  ::sigaltstack(&none, nullptr);
  sched.signal_stacks.fetch_sub(1, std::memory_order_relaxed);
  give_stack(s);
}

}  // namespace goro::detail
