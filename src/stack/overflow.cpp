// The overflow report.
//
// A goroutine that needs more stack than there is touches its guard. The kernel then runs the handler on the
// thread's alternate stack. If the address lies in the guard of the goroutine that runs on this thread, it is
// an overflow: the report, and the end of the process with code 2. Everything else goes to the handler that
// was there before; if there was none, the default action is restored and the instruction runs again, so that
// the process dies, or dumps its core, as it would have without us.
//
// The handler may have interrupted anything, malloc too: it allocates nothing, takes no lock of the runtime
// and writes what it knows before it unwinds, which is the riskiest part.
#include "stack/overflow.hpp"

#include <dlfcn.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "diag/fatal.hpp"
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

struct walk {
  static constexpr int k_most = 32;
  std::uintptr_t stack_bottom;  // frames of the handler itself are below
  std::uintptr_t stack_top;
  int printed = 0;
};

_Unwind_Reason_Code print_frame(_Unwind_Context* frame, void* arg) {
  auto& w = *static_cast<walk*>(arg);
  const std::uintptr_t sp = _Unwind_GetCFA(frame);
  if (sp < w.stack_bottom || sp > w.stack_top) return _URC_NO_REASON;  // on the alternate stack
  const auto pc = static_cast<std::uintptr_t>(_Unwind_GetIP(frame));
  Dl_info where{};
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  if (::dladdr(reinterpret_cast<void*>(pc), &where) != 0 && where.dli_fname) {
    const auto base = reinterpret_cast<std::uintptr_t>(where.dli_fbase);
    if (where.dli_sname) {
      print("\t%s+0x%zx (%s+0x%zx)\n", where.dli_sname,
            static_cast<std::size_t>(pc - reinterpret_cast<std::uintptr_t>(where.dli_saddr)), where.dli_fname,
            static_cast<std::size_t>(pc - base));
    } else {
      print("\t%s+0x%zx\n", where.dli_fname, static_cast<std::size_t>(pc - base));
    }
  } else {
    print("\t0x%zx\n", static_cast<std::size_t>(pc));
  }
  return ++w.printed < walk::k_most ? _URC_NO_REASON : _URC_END_OF_STACK;
}

void print_goroutine(const goroutine& g) noexcept {
  const std::source_location where = g.where.load(std::memory_order_relaxed);
  print("goroutine %llu", static_cast<unsigned long long>(g.id.load(std::memory_order_relaxed)));
  if (g.extras && !g.extras->name.empty()) print(" \"%s\"", g.extras->name.c_str());
  print(" [running]:\n");
  if (where.line() != 0) {
    print("created at %s:%u (%s)", where.file_name(), where.line(), where.function_name());
  } else {
    print("created at (unknown place)");
  }
  if (const auto creator = g.creator.load(std::memory_order_relaxed); creator != 0)
    print(" in goroutine %llu", static_cast<unsigned long long>(creator));
  print("\n");
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

// Unwinding reads what the program has left there. Another thread may overflow meanwhile; it waits.
void fault_in_report(int) {
  constexpr std::chrono::seconds k_longest{5};
  if (g_reporting.load(std::memory_order_relaxed) != ::gettid()) sleep_through(k_longest);
  leave_process();
}

void allow_another_fault() noexcept {
  g_reporting.store(::gettid(), std::memory_order_relaxed);
  struct sigaction last{};
  last.sa_handler = fault_in_report;
  last.sa_flags = SA_ONSTACK | SA_NODEFER;
  ::sigaction(SIGSEGV, &last, nullptr);
  sigset_t fault;
  ::sigemptyset(&fault);
  ::sigaddset(&fault, SIGSEGV);
  ::pthread_sigmask(SIG_UNBLOCK, &fault, nullptr);
}

[[noreturn]] void report_overflow(const goroutine& g, const stack_slot& s, const void* context) noexcept {
  claim_last_report();
  const std::uintptr_t sp = stack_pointer_of(context);
  const auto bottom = reinterpret_cast<std::uintptr_t>(s.bottom);
  const auto top = reinterpret_cast<std::uintptr_t>(s.top);
  print_limit(g, s);
  print("sp=0x%zx stack=[0x%zx, 0x%zx]\n", sp, bottom, top);
  print("fatal error: stack overflow\n\n");
  print_goroutine(g);
  print("innermost frames:\n");
  allow_another_fault();
  walk w{.stack_bottom = bottom - s.pool->guard(), .stack_top = top};
  _Unwind_Backtrace(print_frame, &w);
  if (w.printed == 0) print("\t(cannot be unwound)\n");
  leave_process();
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
void chain(int signal, siginfo_t* info, void* context) noexcept {
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
  chain(signal, info, context);
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
