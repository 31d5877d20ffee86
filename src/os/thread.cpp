#include "os/thread.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string_view>

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

void sleep_through(std::chrono::seconds d) noexcept {
  timespec rest{.tv_sec = d.count(), .tv_nsec = 0};
  while (::nanosleep(&rest, &rest) != 0 && errno == EINTR) {
  }
}

int start_thread(void* (*body)(void*), void* arg, pthread_t* handle) noexcept {
  sigset_t all;
  sigset_t former;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &former);
  pthread_t thread{};
  const int error = ::pthread_create(handle ? handle : &thread, nullptr, body, arg);
  ::pthread_sigmask(SIG_SETMASK, &former, nullptr);
  if (error == 0 && !handle) ::pthread_detach(thread);
  return error;
}

namespace {

std::int64_t time_of(clockid_t clock) noexcept {
  timespec t{};
  ::clock_gettime(clock, &t);
  return t.tv_sec * std::int64_t{1'000'000'000} + t.tv_nsec;
}

}  // namespace

void thread_id::note_self() noexcept {
  number.store(::gettid(), std::memory_order_relaxed);
  clockid_t clock = 0;
  if (::pthread_getcpuclockid(::pthread_self(), &clock) != 0) clock = CLOCK_THREAD_CPUTIME_ID;
  cpu_clock.store(clock, std::memory_order_relaxed);
}

std::int64_t own_cpu_time() noexcept { return time_of(CLOCK_THREAD_CPUTIME_ID); }

std::int64_t thread_id::cpu_time() const noexcept {
  return time_of(cpu_clock.load(std::memory_order_relaxed));
}

// The kernel's line on the thread: "number (name) state ...", with anything in the name.
thread_id::state thread_id::look() const noexcept {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/task/%d/stat", number.load(std::memory_order_relaxed));
  const int saved = errno;
  char line[128];
  ssize_t n = 0;
  if (const int fd = ::open(path, O_RDONLY | O_CLOEXEC); fd >= 0) {
    n = ::read(fd, line, sizeof line);
    ::close(fd);
  }
  errno = saved;
  const std::string_view text(line, n > 0 ? static_cast<std::size_t>(n) : 0);
  const std::size_t name_end = text.rfind(") ");
  if (name_end == text.npos || name_end + 2 >= text.size()) return state::unknown;
  return text[name_end + 2] == 'R' ? state::runnable : state::asleep;
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

int current_core() noexcept {
  const int saved = errno;
  const int core = ::sched_getcpu();
  errno = saved;
  return core;
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
