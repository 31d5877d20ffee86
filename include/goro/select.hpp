// Select: waits for the first of several channel operations that can proceed.
//
// Two forms. Case objects, for loops: they live outside of the loop, and ordinary control flow tells which
// one fired.
//
//   goro::recv_case next{jobs};
//   goro::recv_case cancelled{done};
//   for (;;) {
//     goro::select(next, cancelled);         // blocks; exactly one case is true afterwards
//     if (cancelled) return;
//     std::optional<job> j = next.take();    // nullopt: closed and drained
//     if (!j) return;
//     process(*j);
//   }
//
// Handlers, for a single wait (on_recv, on_send, on_timeout, on_default): at the end of this file.
//
// Rules (Go's select): if several cases can proceed one is chosen at random, each with the same chance. A
// case on a nil channel never fires. A receive from a closed channel can always proceed and yields nullopt;
// so can a send, and then select throws channel_closed "send on closed channel". The losing cases leave no
// trace: nothing is received, and an element that was not sent stays in its case. The chosen case has the
// happens-before of the plain operation, the others have none. Nothing is allocated. From goroutines and
// plain threads alike; waiting ignores cancellation: select on a context's done() for that.
#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>

#include <goro/chan.hpp>
#include <goro/clock.hpp>
#include <goro/detail/select_case.hpp>

namespace goro {

// A receive. Stays armed after it has fired; may be selected again without take(): the element is destroyed.
template <class T>
class recv_case : public select_case {
 public:
  recv_case() noexcept : select_case(direction::receive, detail::ops_of<T>(), storage_) {}
  explicit recv_case(const recv_chan<T>& c) noexcept : recv_case() { arm(c); }
  explicit recv_case(recv_chan<T>&& c) noexcept : recv_case() { arm(std::move(c)); }
  explicit recv_case(const chan<T>& c) noexcept : recv_case() { arm(c); }

  // Takes part in selects, with this channel, from the next one on.
  void arm(recv_chan<T> c) noexcept { arm_with(take_core(std::move(c))); }
  // Takes part no more. An element that has not been taken stays.
  void disarm() noexcept { disarm_case(); }

  // The element; nullopt if the channel was closed and drained. Throws panic if the last select did not
  // choose this case, or the element was taken already.
  std::optional<T> take() {
    if (!to_be_taken()) detail::throw_case_misuse("goro: take() of a recv_case that holds nothing");
    set_taken();
    if (!holds()) return std::nullopt;
    std::optional<T> out(std::move(*std::launder(reinterpret_cast<T*>(storage_))));
    drop_element();
    return out;
  }

 private:
  alignas(T) std::byte storage_[sizeof(T)];
};

template <class T>
recv_case(const chan<T>&) -> recv_case<T>;
template <class T>
recv_case(const recv_chan<T>&) -> recv_case<T>;

// A send of an element that the case owns. Disarmed once it has fired, or its channel was found closed; in
// the latter case the element stays.
template <class T>
class send_case : public select_case {
 public:
  send_case() noexcept : select_case(direction::send, detail::ops_of<T>(), storage_) {}
  send_case(const send_chan<T>& c, T value) : send_case() { arm(c, std::move(value)); }
  send_case(const chan<T>& c, T value) : send_case() { arm(c, std::move(value)); }

  // Takes part in selects, with this channel and element, from the next one on. An earlier element that was
  // not sent is destroyed.
  void arm(send_chan<T> c, T value) noexcept {
    drop_element();
    ::new (static_cast<void*>(storage_)) T(std::move(value));
    set_holds(true);
    arm_with(take_core(std::move(c)));
  }
  // Takes part no more. The element stays.
  void disarm() noexcept { disarm_case(); }

  // The element that was not sent. Throws panic if there is none.
  T& value() {
    if (!holds()) detail::throw_case_misuse("goro: value() of a send_case that holds none");
    return *std::launder(reinterpret_cast<T*>(storage_));
  }

 private:
  alignas(T) std::byte storage_[sizeof(T)];
};

template <class T>
send_case(const chan<T>&, std::type_identity_t<T>) -> send_case<T>;
template <class T>
send_case(const send_chan<T>&, std::type_identity_t<T>) -> send_case<T>;
template <class T, class U>
send_case(const chan<T>&, U&&) -> send_case<T>;
template <class T, class U>
send_case(const send_chan<T>&, U&&) -> send_case<T>;

// --- a set of cases that is known at run time ---

// Blocks until one of the cases can proceed, lets it, and returns its position; for ever if none ever can, or
// the set is empty. Throws channel_closed if the chosen one sends on a closed channel (no case is true then);
// panic if a case occurs twice.
inline std::size_t select(std::span<select_case* const> cases) {
  return detail::select_among(cases.data(), cases.size(), {});
}

// Lets one of the cases proceed if that needs no waiting; false if, at one instant, none could.
inline bool try_select(std::span<select_case* const> cases) {
  return detail::select_among(cases.data(), cases.size(), {.wait = false}) != cases.size();
}

// Blocks for at most d, or until tp; false if none of the cases could proceed in that time.
template <class Rep, class Period>
bool try_select_for(const std::chrono::duration<Rep, Period>& d, std::span<select_case* const> cases) {
  const time_point deadline = detail::deadline_after(d);
  return detail::select_among(cases.data(), cases.size(), {.deadline = &deadline}) != cases.size();
}
template <class Clock, class Duration>
bool try_select_until(const std::chrono::time_point<Clock, Duration>& tp,
                      std::span<select_case* const> cases) {
  const time_point deadline = detail::to_steady(tp);
  return detail::select_among(cases.data(), cases.size(), {.deadline = &deadline}) != cases.size();
}

// --- handlers: what they are made of ---

namespace detail {

template <class C>
inline constexpr bool is_case = std::derived_from<std::remove_reference_t<C>, select_case>;
template <class C>
inline constexpr bool is_case_lvalue = is_case<C> && std::is_lvalue_reference_v<C>;

template <class T, class F>
struct recv_result : std::invoke_result<F&> {};
template <class T, class F>
  requires std::invocable<F&, std::optional<T>>
struct recv_result<T, F> : std::invoke_result<F&, std::optional<T>> {};

template <class T, class F>
struct recv_handler {
  recv_case<T> wanted;
  F f;

  using result = recv_result<T, F>;
  select_case* as_case() noexcept { return &wanted; }
  decltype(auto) call() {
    if constexpr (std::invocable<F&, std::optional<T>>) {
      return std::invoke(f, wanted.take());
    } else {
      return std::invoke(f);
    }
  }
};

// A send of somebody else's element.
template <class T>
class send_reference : public select_case {
 public:
  send_reference(chan_core* core, T& element) noexcept
      : select_case(direction::send, ops_of<T>(), std::addressof(element)) {
    retain(core);
    arm_with(core);
  }
};

template <class Case, class F>
struct send_handler {
  Case wanted;
  F f;

  using result = std::type_identity<std::invoke_result_t<F&>>;
  select_case* as_case() noexcept { return &wanted; }
  decltype(auto) call() { return std::invoke(f); }
};

template <class F>
struct timeout_handler {
  time_point deadline;
  F f;

  using result = std::type_identity<std::invoke_result_t<F&>>;
  decltype(auto) call() { return std::invoke(f); }
};

template <class F>
struct default_handler {
  F f;

  using result = std::type_identity<std::invoke_result_t<F&>>;
  decltype(auto) call() { return std::invoke(f); }
};

enum class handler_kind { none, on_case, on_timeout, on_default };
template <class H>
inline constexpr handler_kind kind_of = handler_kind::none;
template <class T, class F>
inline constexpr handler_kind kind_of<recv_handler<T, F>> = handler_kind::on_case;
template <class C, class F>
inline constexpr handler_kind kind_of<send_handler<C, F>> = handler_kind::on_case;
template <class F>
inline constexpr handler_kind kind_of<timeout_handler<F>> = handler_kind::on_timeout;
template <class F>
inline constexpr handler_kind kind_of<default_handler<F>> = handler_kind::on_default;

template <class H>
inline constexpr bool is_handler = kind_of<std::remove_cvref_t<H>> != handler_kind::none;

// What a select over these handlers returns, and the rules for them.
template <class... H>
struct handler_set {
  static constexpr std::size_t k_timeouts = ((kind_of<H> == handler_kind::on_timeout ? 1U : 0U) + ...);
  static constexpr std::size_t k_defaults = ((kind_of<H> == handler_kind::on_default ? 1U : 0U) + ...);
  static constexpr std::size_t k_cases = sizeof...(H) - k_timeouts - k_defaults;
  static constexpr bool k_default_is_last =
      kind_of<std::tuple_element_t<sizeof...(H) - 1, std::tuple<H...>>> == handler_kind::on_default;
  static constexpr std::size_t k_void = ((std::is_void_v<typename H::result::type> ? 1U : 0U) + ...);
  static constexpr bool k_results_agree = k_void == 0 || k_void == sizeof...(H);
};

template <class... H>
constexpr void check_handlers() {
  using set = handler_set<H...>;
  static_assert(set::k_defaults <= 1, "goro::select: there is more than one on_default");
  static_assert(set::k_defaults != 1 || set::k_default_is_last, "goro::select: on_default must be the last");
  static_assert(set::k_timeouts <= 1, "goro::select: there is more than one on_timeout");
  static_assert(set::k_timeouts + set::k_defaults <= 1,
                "goro::select: on_timeout and on_default exclude each other");
  static_assert(set::k_results_agree, "goro::select: either all handlers return a value, or none does");
}

template <class... H>
struct handlers_result {
  using type = std::common_type_t<typename H::result::type...>;
};
template <class... H>
  requires(std::is_void_v<typename H::result::type> && ...)
struct handlers_result<H...> {
  using type = void;
};

// Calls the handler of the chosen case: the one with `chosen` cases before it, or, behind all of them, the
// one of the timeout or default.
template <class R, class First, class... Rest>
R call_chosen(std::size_t chosen, bool none, First& first, Rest&... rest) {
  constexpr bool k_counts = kind_of<First> == handler_kind::on_case;
  if (k_counts ? !none && chosen == 0 : none) return static_cast<R>(first.call());
  if constexpr (sizeof...(Rest) != 0) {
    return call_chosen<R>(k_counts ? chosen - 1 : chosen, none, rest...);
  } else {
    __builtin_unreachable();
  }
}

template <class... H>
auto select_handlers(H&... handlers) -> typename handlers_result<H...>::type {
  using set = handler_set<H...>;
  std::array<select_case*, set::k_cases + 1> cases{};  // one more: an array of none is no array
  std::size_t n = 0;
  patience p{.wait = set::k_defaults == 0};
  const auto add = [&](auto& h) {
    constexpr handler_kind k = kind_of<std::remove_reference_t<decltype(h)>>;
    if constexpr (k == handler_kind::on_case) cases[n++] = h.as_case();
    if constexpr (k == handler_kind::on_timeout) p.deadline = &h.deadline;
  };
  (add(handlers), ...);
  const std::size_t chosen = select_among(cases.data(), n, p);
  return call_chosen<typename handlers_result<H...>::type>(chosen, chosen == n, handlers...);
}

}  // namespace detail

// --- select ---

// Over case objects: blocks until one of them can proceed, lets it, and returns its position. Over handlers
// (below): calls the handler of the chosen one, after everything is done and with no lock held, and returns
// what that returns. Throws channel_closed if the chosen one sends on a closed channel; panic if a case
// occurs twice.
template <class... Cases>
  requires(sizeof...(Cases) > 0)
auto select(Cases&&... cases) {
  if constexpr ((std::convertible_to<Cases, std::span<select_case* const>> && ...)) {
    static_assert(sizeof...(Cases) == 1, "goro::select takes one set of cases");
    return (select(std::span<select_case* const>(cases)), ...);
  } else if constexpr ((detail::is_case_lvalue<Cases> && ...)) {
    select_case* const all[] = {&cases...};
    return select(std::span<select_case* const>(all));
  } else if constexpr ((detail::is_handler<Cases> && ...)) {
    detail::check_handlers<std::remove_cvref_t<Cases>...>();
    if constexpr (detail::handler_set<std::remove_cvref_t<Cases>...>::k_results_agree) {
      return detail::select_handlers(cases...);
    }
  } else {
    static_assert((!detail::is_case<Cases> && ...),
                  "goro::select: either case objects that have a name, or handlers (on_recv, on_send, "
                  "on_timeout, on_default), not both");
    static_assert((detail::is_case<Cases> && ...),
                  "goro::select takes recv_case and send_case objects, or handlers made by on_recv, on_send, "
                  "on_timeout and on_default");
  }
}

// Lets one of the cases proceed if that needs no waiting; false if, at one instant, none could (select with a
// default). Throws as select does.
template <class... Cases>
  requires(sizeof...(Cases) > 0 && (detail::is_case<Cases> && ...))
bool try_select(Cases&... cases) {
  select_case* const all[] = {&cases...};
  return try_select(std::span<select_case* const>(all));
}

// Blocks for at most d, or until tp; false if none of the cases could proceed in that time.
template <class Rep, class Period, class... Cases>
  requires(sizeof...(Cases) > 0 && (detail::is_case<Cases> && ...))
bool try_select_for(const std::chrono::duration<Rep, Period>& d, Cases&... cases) {
  select_case* const all[] = {&cases...};
  return try_select_for(d, std::span<select_case* const>(all));
}
template <class Clock, class Duration, class... Cases>
  requires(sizeof...(Cases) > 0 && (detail::is_case<Cases> && ...))
bool try_select_until(const std::chrono::time_point<Clock, Duration>& tp, Cases&... cases) {
  select_case* const all[] = {&cases...};
  return try_select_until(tp, std::span<select_case* const>(all));
}

// --- handlers ---
//
//   goro::select(goro::on_recv(jobs, [&](std::optional<job> j) { ... }),
//                goro::on_send(out, std::move(r), [&] { ... }),
//                goro::on_timeout(250ms, [&] { ... }));

// Receives; f is called with the element, or nullopt if the channel is closed and drained, or without
// arguments.
template <class T, class F>
auto on_recv(const recv_chan<T>& c, F f) {
  static_assert(std::invocable<F&, std::optional<T>> || std::invocable<F&>,
                "goro::on_recv: the handler takes a std::optional of the element, or nothing");
  return detail::recv_handler<T, F>{.wanted = recv_case<T>(c), .f = std::move(f)};
}
template <class T, class F>
auto on_recv(const chan<T>& c, F f) {
  return on_recv(recv_chan<T>(c), std::move(f));
}

// Sends `value`: refers to it if it is a T that may be moved from, and moves it only if this case fires; else
// makes a T of it at once. f is called without arguments.
template <class T, class V, class F>
auto on_send(const send_chan<T>& c, V&& value, F f) {
  static_assert(std::invocable<F&>, "goro::on_send: the handler takes no arguments");
  static_assert(std::is_same_v<std::remove_reference_t<V>, T> || std::constructible_from<T, V&&>,
                "goro::on_send: the value is no element of this channel");
  if constexpr (std::is_same_v<std::remove_reference_t<V>, T>) {
    return detail::send_handler<detail::send_reference<T>, F>{
        .wanted = detail::send_reference<T>(core_of(c), value), .f = std::move(f)};
  } else {
    return detail::send_handler<send_case<T>, F>{.wanted = send_case<T>(c, T(std::forward<V>(value))),
                                                 .f = std::move(f)};
  }
}
template <class T, class V, class F>
auto on_send(const chan<T>& c, V&& value, F f) {
  return on_send(send_chan<T>(c), std::forward<V>(value), std::move(f));
}

// f is called if none of the cases could proceed for d, counted from here; at most one, anywhere.
template <class Rep, class Period, class F>
auto on_timeout(const std::chrono::duration<Rep, Period>& d, F f) {
  return detail::timeout_handler<F>{.deadline = detail::deadline_after(d), .f = std::move(f)};
}

// f is called if, at one instant, none of the cases could proceed: the select does not wait. The last one.
template <class F>
auto on_default(F f) {
  return detail::default_handler<F>{.f = std::move(f)};
}

}  // namespace goro
