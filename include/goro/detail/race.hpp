// What ThreadSanitizer is told of goroutines, so that it reports the races of the program and nothing else.
// Empty in other builds.
//
// The runtime synchronises far more than its interface promises: a thread runs one goroutine after another,
// every channel has a lock, a timer fires in whoever looks at the clock. If the tool saw that, it would take
// most races of a program for ordered and keep silent (MM-20). So it sees nothing of what happens inside of
// the runtime, and is told what is promised, edge by edge:
//
//   * race_hidden: while one lives, nothing that the calling goroutine or thread does is noted, neither
//     accesses nor synchronisation. Every entry into the runtime has one, the turn of a goroutine ends with
//     one, and the threads of the runtime always have.
//   * race_release(x), race_acquire(x): what the first caller did before happens before what the second does
//     after. For use inside of one race_hidden. Inside of two they do nothing, which is as it should be:
//     there something is done (a timer fires) by somebody who only happened to be there.
//
// What a header does inline with atomics, outside of both, the tool sees as it is.
//
// With GORO_DEBUG=raceruntime=1 it is the other way round: nothing is hidden and nothing is told, and the
// tool checks the runtime itself.
#pragma once

#if defined(__SANITIZE_THREAD__)
#  define GORO_TSAN 1
#elif defined(__has_feature)
#  if __has_feature(thread_sanitizer)
#    define GORO_TSAN 1
#  endif
#endif

namespace goro::detail {

#if defined(GORO_TSAN)

// True if the tool looks at the program, false if it looks at the runtime.
bool race_checks_program() noexcept;

void race_hide() noexcept;
void race_show() noexcept;
void race_release(const void* at) noexcept;
void race_acquire(const void* at) noexcept;

#else

constexpr bool race_checks_program() noexcept { return false; }
inline void race_hide() noexcept {}
inline void race_show() noexcept {}
inline void race_release(const void*) noexcept {}
inline void race_acquire(const void*) noexcept {}

#endif

class [[nodiscard]] race_hidden {
 public:
  race_hidden() noexcept { race_hide(); }
  ~race_hidden() { race_show(); }
  race_hidden(const race_hidden&) = delete;
  race_hidden& operator=(const race_hidden&) = delete;
};

}  // namespace goro::detail
