// Starting goroutines, and what a goroutine may say of itself.
//
// A goroutine is a function that runs concurrently with its caller on a stack of its own, placed on threads
// by the scheduler. It may be seen on different threads in its life: any call into goro may move it. Do not
// hold a std::mutex or anything else that belongs to a thread across such a call.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <source_location>
#include <string_view>
#include <type_traits>
#include <utility>

#include <goro/detail/blocking.hpp>
#include <goro/detail/run_main.hpp>
#include <goro/detail/spawn.hpp>
#include <goro/future.hpp>
#include <goro/goroutine_local.hpp>
#include <goro/scope_exit.hpp>

namespace goro {

// Starts f(args...) as a goroutine and returns without waiting for it; nothing says which of the two moves on
// first. f and args are copied or moved once, before the call returns (std::ref for references), reach f as
// rvalues and are destroyed in the goroutine; f's result is discarded. What precedes the call happens before
// f begins; the end of f orders nothing. From anywhere: a goroutine, a plain thread, before or inside run().
// An exception that leaves f ends the process with a report and exit code 2 (panic_policy). An empty callable
// is fatal "go of nil func value". Throws std::bad_alloc, and what copying f or args throws: then nothing was
// started. A goroutine that gets no memory for its stack, later at its first turn, is fatal. In a goroutine
// that has started 256 others which still wait to run, the call gives them the turn first.
template <class F>
  requires std::invocable<std::decay_t<F>>
void go(F&& f, std::source_location where = std::source_location::current()) {
  detail::check_callable(f);
  detail::spawn<detail::bound<std::decay_t<F>>>(nullptr, where, std::forward<F>(f));
}

template <class F, class A>
  requires std::invocable<std::decay_t<F>, std::decay_t<A>>
void go(F&& f, A&& a, std::source_location where = std::source_location::current()) {
  detail::check_callable(f);
  detail::spawn<detail::bound<std::decay_t<F>, std::decay_t<A>>>(nullptr, where, std::forward<F>(f),
                                                                 std::forward<A>(a));
}

template <class F, class A, class B>
  requires std::invocable<std::decay_t<F>, std::decay_t<A>, std::decay_t<B>>
void go(F&& f, A&& a, B&& b, std::source_location where = std::source_location::current()) {
  detail::check_callable(f);
  detail::spawn<detail::bound<std::decay_t<F>, std::decay_t<A>, std::decay_t<B>>>(
      nullptr, where, std::forward<F>(f), std::forward<A>(a), std::forward<B>(b));
}

template <class F, class A, class B, class C>
  requires std::invocable<std::decay_t<F>, std::decay_t<A>, std::decay_t<B>, std::decay_t<C>>
void go(F&& f, A&& a, B&& b, C&& c, std::source_location where = std::source_location::current()) {
  detail::check_callable(f);
  detail::spawn<detail::bound<std::decay_t<F>, std::decay_t<A>, std::decay_t<B>, std::decay_t<C>>>(
      nullptr, where, std::forward<F>(f), std::forward<A>(a), std::forward<B>(b), std::forward<C>(c));
}

// With options, and any number of arguments.
template <class F, class... Args>
  requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
void go(go_options options, F&& f, Args&&... args) {
  detail::check_callable(f);
  detail::spawn<detail::bound<std::decay_t<F>, std::decay_t<Args>...>>(
      &options, options.where(), std::forward<F>(f), std::forward<Args>(args)...);
}

// With four and more the place of the call is not known to reports; go_options{} brings it.
template <class F, class A, class B, class C, class D, class... More>
  requires std::invocable<std::decay_t<F>, std::decay_t<A>, std::decay_t<B>, std::decay_t<C>, std::decay_t<D>,
                          std::decay_t<More>...>
void go(F&& f, A&& a, B&& b, C&& c, D&& d, More&&... more) {
  detail::check_callable(f);
  detail::spawn<detail::bound<std::decay_t<F>, std::decay_t<A>, std::decay_t<B>, std::decay_t<C>,
                              std::decay_t<D>, std::decay_t<More>...>>(
      nullptr, std::source_location(), std::forward<F>(f), std::forward<A>(a), std::forward<B>(b),
      std::forward<C>(c), std::forward<D>(d), std::forward<More>(more)...);
}

// Calls f and returns what it returns, throws what it throws. The calling goroutine gives its P to others
// first, so f may block its thread as long as it likes and costs nobody a turn; it gets one back afterwards,
// at once if one is idle. Not needed, only quicker: a goroutine that blocks unannounced is found out within
// some tens of microseconds to 20 ms. Worth it for what blocks for a millisecond and more; it costs some
// microseconds, or a wake-up of a thread if others wait. A call into goro from f ends the effect. Read
// errno in f: afterwards the thread may be another one. On a plain thread it just calls f.
template <std::invocable F>
std::invoke_result_t<F> blocking(F&& f) {
  const detail::blocking_region region;
  return std::forward<F>(f)();
}

// Blocks for ever (Go's `select {}`). The goroutine is never unwound.
[[noreturn]] void block_forever();

namespace this_goroutine {

// 1 for the main goroutine, never reused; 0 on a plain thread.
goroutine_id id() noexcept;

// The name given by go_options; empty if none, and on a plain thread.
std::string_view name() noexcept;

// Sets a label of the calling goroutine, for dumps, reports and the live page; those that it starts from now
// on have it, too, unless go_options::label says otherwise. The last value of a key counts, an empty one
// takes the label away. Allocates, some hundred nanoseconds; does not block. Throws std::bad_alloc, then
// nothing has changed. On a plain thread it does nothing. (runtime/pprof.SetGoroutineLabels)
void set_label(std::string_view key, std::string_view value);

// How many bytes of stack are left below the caller, before its goroutine overflows; of a plain thread,
// before that does. A recursion whose depth comes from outside can stop in time by it. Takes some nanoseconds
// in a goroutine, and a system call or more on a plain thread.
std::size_t stack_remaining() noexcept;

// Lets the other runnable goroutines have a turn before the caller runs again (runtime.Gosched). On a plain
// thread it is std::this_thread::yield.
void yield();

// Ends the calling goroutine: destructors run, nothing can catch it (runtime.Goexit). In the main goroutine
// the others go on, and the program ends with a deadlock report when there is none left. On a plain thread it
// throws panic. Fatal, because C++ cannot unwind past them: a handler `catch (...)` that does not rethrow;
// one that does, while another handler is still active; a noexcept function; a call from a destructor that
// runs because of an exception.
[[noreturn]] void exit();

}  // namespace this_goroutine
}  // namespace goro
