#include "os/signals.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include <array>
#include <atomic>
#include <cerrno>

#include "os/futex.hpp"

namespace goro::detail {

namespace {

constexpr int k_most = 64;

constinit std::atomic<std::uint64_t> g_pending{0};
constinit note g_arrived;
constinit std::array<struct sigaction, k_most + 1> g_former{};

std::uint64_t bit_of(int signal) noexcept { return std::uint64_t{1} << (signal - 1); }

// Atomics and a futex only: it may have interrupted anything.
void note_signal(int signal) {
  const int saved = errno;
  g_pending.fetch_or(bit_of(signal), std::memory_order_acq_rel);  // pairs with wait_for_signals()
  g_arrived.set();
  errno = saved;
}

}  // namespace

bool can_be_notified(int signal) noexcept {
  if (signal < 1 || signal > k_most) return false;
  if (signal > SIGSYS && signal < SIGRTMIN) return false;  // the C library's own
  switch (signal) {
    case SIGKILL:
    case SIGSTOP:
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
    case SIGTRAP:
      return false;
    default:
      return true;
  }
}

void catch_signal(int signal) noexcept {
  struct sigaction action{};
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART | SA_ONSTACK;
  ::sigfillset(&action.sa_mask);
  ::sigaction(signal, &action, &g_former[static_cast<std::size_t>(signal)]);
}

void release_signal(int signal) noexcept {
  ::sigaction(signal, &g_former[static_cast<std::size_t>(signal)], nullptr);
}

void raise_again(int signal) noexcept { ::kill(::getpid(), signal); }

bool handle_if_default(int signal, void (*handler)(int)) noexcept {
  struct sigaction former{};
  if (::sigaction(signal, nullptr, &former) != 0) return false;
  if ((former.sa_flags & SA_SIGINFO) != 0 || former.sa_handler != SIG_DFL) return false;
  struct sigaction action{};
  action.sa_handler = handler;
  action.sa_flags = static_cast<int>(SA_RESTART | SA_ONSTACK) | static_cast<int>(SA_RESETHAND);
  return ::sigaction(signal, &action, nullptr) == 0;
}

void let_default_act(int signal) noexcept {
  ::signal(signal, SIG_DFL);
  ::syscall(SYS_tgkill, ::getpid(), ::gettid(), signal);  // comes when the handler has returned
}

void dump_core() noexcept {
  ::signal(SIGABRT, SIG_DFL);
  sigset_t abort_signal;
  ::sigemptyset(&abort_signal);
  ::sigaddset(&abort_signal, SIGABRT);
  ::pthread_sigmask(SIG_UNBLOCK, &abort_signal, nullptr);
  for (;;) ::syscall(SYS_tgkill, ::getpid(), ::gettid(), SIGABRT);
}

std::uint64_t wait_for_signals() noexcept {
  for (;;) {
    // Cleared before the look: whoever comes after that sets it again, and both sides' orders keep its set
    // behind the clearing.
    g_arrived.clear();
    if (const std::uint64_t taken = g_pending.exchange(0, std::memory_order_acq_rel)) return taken;
    g_arrived.sleep();
  }
}

}  // namespace goro::detail
