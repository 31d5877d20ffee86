#include "os/thread.hpp"

#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>

#include "os/memory.hpp"

namespace goro::detail {

namespace {

// The kernel's struct sched_attr, which libc does not declare.
struct sched_attributes {
  std::uint32_t size = sizeof(sched_attributes);
  std::uint32_t policy = SCHED_OTHER;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0;  // the slice in ns; 0: the kernel's own
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};
static_assert(sizeof(sched_attributes) == 48);

}  // namespace

void ask_for_exact_sleeps() noexcept { ::prctl(PR_SET_TIMERSLACK, 1); }

void provide_signal_stack() noexcept {
  constexpr std::size_t k_for_the_report = std::size_t{64} << 10;
  const auto frame = static_cast<std::size_t>(std::max(::sysconf(_SC_MINSIGSTKSZ), 0L));
  const std::size_t bytes = ((frame + k_for_the_report) / k_page + 1) * k_page;
  stack_t present{};
  if (::sigaltstack(nullptr, &present) == 0 && (present.ss_flags & SS_DISABLE) == 0 &&
      present.ss_size >= frame + k_for_the_report / 2)
    return;  // a sanitizer's; it takes it back when the thread ends
  std::byte* const memory = map_memory(bytes + k_page);
  if (!memory) return;  // an overflow will be a plain crash
  static_cast<void>(protect(memory, k_page));
  const stack_t ours{.ss_sp = memory + k_page, .ss_flags = 0, .ss_size = bytes};
  ::sigaltstack(&ours, nullptr);
}

int start_thread(void* (*body)(void*), void* arg, const sigset_t& mask) noexcept {
  sigset_t former;
  ::pthread_sigmask(SIG_SETMASK, &mask, &former);
  pthread_t thread{};
  const int error = ::pthread_create(&thread, nullptr, body, arg);
  ::pthread_sigmask(SIG_SETMASK, &former, nullptr);
  if (error == 0) ::pthread_detach(thread);
  return error;
}

std::uintptr_t thread_stack_bottom() noexcept {
  pthread_attr_t attributes;
  if (::pthread_getattr_np(::pthread_self(), &attributes) != 0) return 0;
  void* bottom = nullptr;
  std::size_t size = 0;
  ::pthread_attr_getstack(&attributes, &bottom, &size);
  ::pthread_attr_destroy(&attributes);
  return reinterpret_cast<std::uintptr_t>(bottom);
}

void ask_for_slice(time_slice slice) noexcept {
  constexpr std::uint64_t k_shortest = 100'000;  // ns; the least that the kernel takes
  const int saved = errno;                       // a kernel that refuses does no harm
  sched_attributes a;
  // What the program has asked for stays: only the usual policy has slices, and only the slice changes.
  if (::syscall(SYS_sched_getattr, 0, &a, sizeof a, 0) == 0 && a.policy == SCHED_OTHER) {
    a.runtime = slice == time_slice::shortest ? k_shortest : 0;
    ::syscall(SYS_sched_setattr, 0, &a, 0);
  }
  errno = saved;
}

}  // namespace goro::detail
