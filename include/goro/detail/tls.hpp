// How the thread-local variables of the runtime are read.
//
// A goroutine may continue on another thread after any switch. The compiler does not know that: it may keep
// the thread pointer, or the address of a thread-local, in a register that the switch faithfully restores.
// Hence accesses that it can neither take apart nor merge: an assembly statement that is volatile, or a call
// that cannot be inlined, with a volatile statement inside, without which GCC finds the function pure. And
// hence the rule that what they return is not used across a switch: switches return the present machine.
//
// Every operation begins with such an access. A call takes three instructions more, and the registers of all
// arguments.
#pragma once

#if defined(__x86_64__)
// `to` = the pointer that the thread-local variable `name` is; for extern "C" ones that are initial-exec.
#  define GORO_READ_THREAD_LOCAL(name, to)                                           \
    asm volatile("{movq " #name "@gottpoff(%%rip), %0|mov %0, QWORD PTR " #name      \
                 "@gottpoff[rip]}\n\t{movq %%fs:(%0), %0|mov %0, QWORD PTR fs:[%0]}" \
                 : "=r"(to))
#endif

namespace goro::detail {

template <class Atomics>
struct basic_lock_places;
struct real_atomics;
using lock_places = basic_lock_places<real_atomics>;

extern "C" {
[[gnu::tls_model("initial-exec")]] extern constinit thread_local lock_places* goro_lock_places;
}

// Those of the calling thread (lock_bias.hpp); null if it is none of the runtime's.
#if defined(GORO_READ_THREAD_LOCAL)
[[gnu::always_inline]] inline lock_places* current_lock_places() noexcept {
  lock_places* mine;
  GORO_READ_THREAD_LOCAL(goro_lock_places, mine);
  return mine;
}
#else
[[gnu::noinline]] lock_places* current_lock_places() noexcept;
#endif

}  // namespace goro::detail
