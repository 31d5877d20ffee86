// Contexts: cancellation, deadlines and values that are handed down a tree of calls.
//
//   auto [ctx, cancel] = goro::with_timeout(parent, 250ms);
//   goro::select(goro::on_recv(replies, [&](auto r) { ... }), goro::on_recv(ctx.done(), [&] { ... ctx.err()
//   ... }));
//
// A context is a counted handle to an immutable node: copy it freely. It is done when it is cancelled, when
// its deadline has passed, or when its parent is done; done() is closed then, and err() and cause() say why.
// Deriving starts no goroutine. What precedes a cancel happens before the receive from done() that returns
// because of it, and before err() that says so. From goroutines and plain threads alike. (package context)
#pragma once

#include <chrono>
#include <concepts>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include <goro/chan.hpp>
#include <goro/clock.hpp>
#include <goro/error.hpp>
#include <goro/time.hpp>

namespace goro {

class context;

// Names a value in contexts by its own address: one static object for each kind of value.
template <class T>
class context_key {
 public:
  constexpr context_key() noexcept = default;
  context_key(const context_key&) = delete;
  context_key& operator=(const context_key&) = delete;
};

namespace detail {

struct context_node;
using context_ptr = std::shared_ptr<context_node>;

// The last of these cancels.
struct cancel_handle;

context_ptr derive_cancel(const context_ptr& parent, const char* kind);
context_ptr derive_deadline(const context_ptr& parent, time_point deadline, std::error_code cause);
context_ptr derive_value(const context_ptr& parent, const void* key, std::shared_ptr<const void> value);
context_ptr derive_without_cancel(const context_ptr& parent);
void cancel_context(context_node& node, std::error_code err, std::error_code cause);
std::shared_ptr<cancel_handle> make_cancel_handle(const context_ptr& node);
context_node& node_of(const cancel_handle& h) noexcept;
std::shared_ptr<void> register_after(const context_ptr& node, std::unique_ptr<timer_action> action,
                                     std::source_location where);
bool unregister_after(void* registration);

}  // namespace detail

class context {
 public:
  // Closed when the context is done; the same channel at each call. Nil for one that never is.
  [[nodiscard]] recv_chan<unit> done() const;
  // Empty while the context is not done; then errc::canceled or errc::timed_out.
  [[nodiscard]] std::error_code err() const noexcept;
  // What the first cancel gave as its cause, else err(). A child has its parent's.
  [[nodiscard]] std::error_code cause() const noexcept;
  // The moment at which it will be done at the latest, if there is one.
  [[nodiscard]] std::optional<time_point> deadline() const noexcept;
  // The value that with_value gave to the nearest ancestor with that key; null if there is none. It lives as
  // long as this context.
  template <class T>
  [[nodiscard]] const T* value(const context_key<T>& key) const noexcept {
    return static_cast<const T*>(find(&key));
  }

  // Where it comes from: "context.Background.WithCancel".
  friend std::string to_string(const context& c);
  friend std::ostream& operator<<(std::ostream& out, const context& c);

 private:
  friend class context_access;
  explicit context(detail::context_ptr node) noexcept : node_(std::move(node)) {}
  [[nodiscard]] const void* find(const void* key) const noexcept;

  detail::context_ptr node_;  // null: moved from
};

// Cancels a context. A copyable handle: call it from anywhere, any number of times; the first call decides.
// When the last copy goes, the context is cancelled, so none is forgotten.
class [[nodiscard]] cancel_func {
 public:
  // When this returns the context and all that derive from it are done, with errc::canceled and that cause.
  // Waits for another cancel in the same tree.
  void operator()() const { (*this)(make_error_code(errc::canceled)); }
  void operator()(std::error_code cause) const {
    if (handle_) detail::cancel_context(detail::node_of(*handle_), make_error_code(errc::canceled), cause);
  }

 private:
  friend class context_access;
  explicit cancel_func(std::shared_ptr<detail::cancel_handle> h) noexcept : handle_(std::move(h)) {}

  std::shared_ptr<detail::cancel_handle> handle_;
};

struct [[nodiscard]] cancellable_context {
  context ctx;
  cancel_func cancel;
};

// What the functions below need of both classes.
class context_access {
 public:
  static context make(detail::context_ptr node) noexcept { return context(std::move(node)); }
  static const detail::context_ptr& node(const context& c) noexcept { return c.node_; }
  static cancellable_context cancellable(const detail::context_ptr& node) {
    return {context(node), cancel_func(detail::make_cancel_handle(node))};
  }
};

// Never done, without deadline and values: the root of all. (context.Background)
context background() noexcept;

// All that derive throw panic "cannot create context from nil parent" if the parent was moved from, and
// std::bad_alloc. A child of a context that is done is done at once.

// Done when cancelled, or with its parent. (context.WithCancelCause)
inline cancellable_context with_cancel(const context& parent) {
  return context_access::cancellable(detail::derive_cancel(context_access::node(parent), "WithCancel"));
}

// Done at tp too, then with errc::timed_out and that cause; at its parent's deadline if that is earlier.
// (context.WithDeadlineCause)
template <class Clock, class Duration>
cancellable_context with_deadline(const context& parent, const std::chrono::time_point<Clock, Duration>& tp,
                                  std::error_code cause = make_error_code(errc::timed_out)) {
  return context_access::cancellable(
      detail::derive_deadline(context_access::node(parent), detail::to_steady(tp), cause));
}
// (context.WithTimeoutCause)
template <class Rep, class Period>
cancellable_context with_timeout(const context& parent, const std::chrono::duration<Rep, Period>& d,
                                 std::error_code cause = make_error_code(errc::timed_out)) {
  // deadline() shows it: exactly d from now.
  const time_point start = detail::now();
  return context_access::cancellable(detail::derive_deadline(
      context_access::node(parent), d > d.zero() ? detail::deadline_from(start, d) : start, cause));
}

// The parent and one more value. (context.WithValue)
template <class T, class V>
context with_value(const context& parent, const context_key<T>& key, V&& value) {
  static_assert(std::constructible_from<T, V&&>, "goro::with_value: the value is not of the key's type");
  return context_access::make(detail::derive_value(context_access::node(parent), &key,
                                                   std::make_shared<const T>(std::forward<V>(value))));
}

// The parent's values, but never done. (context.WithoutCancel)
inline context without_cancel(const context& parent) {
  return context_access::make(detail::derive_without_cancel(context_access::node(parent)));
}

// Takes back an after_func: true if f will not be called, false if it has been started or taken back before.
// (the result of context.AfterFunc)
class stop_func {
 public:
  bool operator()() const { return registration_ && detail::unregister_after(registration_.get()); }
  explicit stop_func(std::shared_ptr<void> r) noexcept : registration_(std::move(r)) {}

 private:
  std::shared_ptr<void> registration_;
};

// Calls f in a goroutine of its own once the context is done; at once if it is. The cancel does not wait for
// it. (context.AfterFunc)
template <class F>
  requires std::invocable<std::decay_t<F>&>
stop_func after_func(const context& ctx, F&& f,
                     std::source_location where = std::source_location::current()) {
  detail::check_callable(f);
  return stop_func(detail::register_after(
      context_access::node(ctx), std::make_unique<detail::timer_call<std::decay_t<F>>>(std::forward<F>(f)),
      where));
}

}  // namespace goro
