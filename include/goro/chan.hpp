// Channels: typed conduits between goroutines, and plain threads, with Go's semantics.
//
// A chan<T> is a counted handle: copies refer to the same channel, so capture it by value. All operations are
// const. T needs a nothrow move, nothing else. No operation holds a lock while user code runs, other than T's
// move and the destruction of what was moved from.
//
//   operation         open                         closed, values left   closed and drained   nil
//   recv()            value                        value                 nullopt              blocks for ever
//   try_recv()        value or errc::would_block   value                 errc::closed errc::would_block
//   try_recv_for(d)   value or errc::timed_out     value                 errc::closed         errc::timed_out
//   send(v)           delivered                    throws channel_closed                      blocks for ever
//   try_send(v)       bool                         throws channel_closed                      false
//   close()           closes, wakes all            throws channel_closed                      throws
//   channel_closed
//
// Memory model (Go's): a send happens before the matching receive returns; the k-th receive happens before
// the (k + capacity)-th send returns; close happens before a receive that returns because of it. size() and
// failed try_ operations order nothing. Waiting is in order of arrival; it ignores cancellation.
#pragma once

#include <compare>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

#include <goro/clock.hpp>
#include <goro/detail/chan_core.hpp>
#include <goro/detail/chan_element.hpp>
#include <goro/error.hpp>

namespace goro {

// The element of a channel that carries events instead of values (Go's struct{}).
struct unit {
  friend constexpr bool operator==(unit, unit) noexcept { return true; }
};

template <class T>
class chan;
template <class T>
class send_chan;
template <class T>
class recv_chan;

namespace detail {

// A handle of a channel, for which a reference has been counted.
template <class T>
recv_chan<T> recv_chan_of(chan_core* counted) noexcept;

// What all handles share: identity, the count, size and capacity. Moved-from and default handles are nil.
class chan_handle {
 public:
  chan_handle(const chan_handle& other) noexcept : core_(other.core_) { retain(core_); }
  chan_handle(chan_handle&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
  chan_handle& operator=(chan_handle other) noexcept {
    std::swap(core_, other.core_);
    return *this;
  }
  ~chan_handle() { release(core_); }

  // The number of buffered elements; 0 for nil and unbuffered channels. A snapshot that orders nothing.
  [[nodiscard]] std::size_t size() const noexcept {
    return core_ && !core_->of_timer ? core_->count.load(std::memory_order_relaxed) : 0;
  }
  // The size of the buffer; 0 for nil and unbuffered channels.
  [[nodiscard]] std::size_t capacity() const noexcept {
    return core_ && !core_->of_timer ? core_->capacity : 0;
  }

  // False for a nil channel.
  explicit operator bool() const noexcept { return core_ != nullptr; }

  // Handles are equal when they refer to the same channel; all nil handles are equal.
  friend bool operator==(const chan_handle& a, const chan_handle& b) noexcept { return a.core_ == b.core_; }

 protected:
  // The channel of another handle, counted for a new one.
  static chan_core* share(const chan_handle& h) noexcept {
    retain(h.core_);
    return h.core_;
  }

  // The same, which is then nil.
  static chan_core* take(chan_handle& h) noexcept { return std::exchange(h.core_, nullptr); }

  chan_handle() noexcept = default;
  explicit chan_handle(chan_core* core) noexcept : core_(core) {}

  chan_core* core_ = nullptr;

 private:
  friend chan_core* core_of(const chan_handle& h) noexcept { return h.core_; }
  friend chan_core* take_core(chan_handle&& h) noexcept { return take(h); }
};

// The sending half of the interface.
template <class T>
class sender : public chan_handle {
 public:
  // Blocks until the element is delivered: received, or put into the buffer. Throws channel_closed
  // "send on closed channel", also when the channel is closed while this call waits; then v is untouched.
  void send(const T& v) const { send(T(v)); }
  [[gnu::always_inline]] void send(T&& v) const { send_from(core_, v); }

  // Sends if that needs no waiting. True if v was delivered; if not, v is untouched. Throws channel_closed.
  bool try_send(const T& v) const { return try_send(T(v)); }
  bool try_send(T&& v) const { return deliver(v, {.wait = false}); }

  // Blocks for at most d, or until tp. True if v was delivered; if not, v is untouched. Throws
  // channel_closed.
  template <class Rep, class Period>
  bool try_send_for(const T& v, const std::chrono::duration<Rep, Period>& d) const {
    return try_send_for(T(v), d);
  }
  template <class Rep, class Period>
  bool try_send_for(T&& v, const std::chrono::duration<Rep, Period>& d) const {
    const time_point deadline = deadline_after(d);
    return deliver(v, {.deadline = &deadline});
  }
  template <class Clock, class Duration>
  bool try_send_until(const T& v, const std::chrono::time_point<Clock, Duration>& tp) const {
    return try_send_until(T(v), tp);
  }
  template <class Clock, class Duration>
  bool try_send_until(T&& v, const std::chrono::time_point<Clock, Duration>& tp) const {
    const time_point deadline = to_steady(tp);
    return deliver(v, {.deadline = &deadline});
  }

  // No more sends: receivers get what is buffered, then "closed". Wakes everybody who waits on the channel;
  // waiting senders throw. Throws channel_closed "close of closed channel" or "close of nil channel". Does
  // not block.
  void close() const { chan_close(core_); }

 protected:
  using chan_handle::chan_handle;

 private:
  bool deliver(T& v, patience p) const {
    const chan_status status = chan_send(core_, std::addressof(v), p);
    if (status == chan_status::closed) throw_send_on_closed();
    return status == chan_status::done;
  }
};

// Yields the values of a channel until it is closed and drained.
template <class T>
class chan_iterator : private chan_handle {
 public:
  using value_type = T;
  using difference_type = std::ptrdiff_t;

  explicit chan_iterator(const chan_handle& c) : chan_handle(c) { ++*this; }

  // The value, moved out of the iterator: once for each step.
  T operator*() const { return std::move(*value_); }
  chan_iterator& operator++() {
    value_.reset();
    slot<T> s;
    if (recv_into(core_, s)) {
      value_.emplace(s.take());
    }
    return *this;
  }
  void operator++(int) { ++*this; }
  friend bool operator==(const chan_iterator& it, std::default_sentinel_t) noexcept { return !it.value_; }

 private:
  mutable std::optional<T> value_;
};

// The receiving half of the interface.
template <class T, class Base>
class receiver : public Base {
 public:
  // Blocks until there is an element, or the channel is closed and drained: nullopt.
  std::optional<T> recv() const {
    slot<T> s;
    if (recv_into(this->core_, s)) {
      return std::optional<T>(s.take());
    }
    return std::nullopt;
  }

  // Receives if that needs no waiting; else errc::would_block, or errc::closed when closed and drained.
  result<T> try_recv() const { return receive({.wait = false}); }

  // Blocks for at most d, or until tp: errc::timed_out, or errc::closed when closed and drained.
  template <class Rep, class Period>
  result<T> try_recv_for(const std::chrono::duration<Rep, Period>& d) const {
    const time_point deadline = deadline_after(d);
    return receive({.deadline = &deadline});
  }
  template <class Clock, class Duration>
  result<T> try_recv_until(const std::chrono::time_point<Clock, Duration>& tp) const {
    const time_point deadline = to_steady(tp);
    return receive({.deadline = &deadline});
  }

  // `for (T v : c)` receives until the channel is closed and drained; over nil it blocks for ever.
  auto begin() const { return chan_iterator<T>(*this); }
  auto end() const noexcept { return std::default_sentinel; }

 protected:
  using Base::Base;

 private:
  result<T> receive(patience p) const {
    slot<T> s;
    switch (chan_recv(this->core_, s.storage(), p)) {
      case chan_status::done:
        return result<T>(s.take());
      case chan_status::closed:
        return fail(errc::closed);
      case chan_status::would_block:
        return fail(errc::would_block);
      case chan_status::timed_out:
        break;
    }
    return fail(errc::timed_out);
  }
};

}  // namespace detail

// A channel of both directions. chan<T>{} is unbuffered, chan<T>{n} buffers n elements, chan<T>{nullptr} is
// nil.
template <class T>
class chan : public detail::receiver<T, detail::sender<T>> {
  using base = detail::receiver<T, detail::sender<T>>;

 public:
  using value_type = T;

  // An unbuffered channel.
  chan() : base(detail::make_chan(0, detail::ops_of<T>())) {}

  // A channel with room for n elements. Throws panic "makechan: size out of range" for a negative n and for
  // one whose buffer cannot exist; std::bad_alloc if there is no memory.
  template <std::integral N>
    requires(!std::same_as<N, bool>)
  explicit chan(N n) : base(detail::make_chan(detail::checked_capacity<T>(n), detail::ops_of<T>())) {}

  // The nil channel: sends and receives block for ever, a select case on it never fires.
  template <std::same_as<std::nullptr_t> Null>
  explicit chan(Null) noexcept : base(static_cast<detail::chan_core*>(nullptr)) {}
};

// A view of a channel that can only send and close. Default-constructed it is nil.
template <class T>
class send_chan : public detail::sender<T> {
  using base = detail::sender<T>;

 public:
  using value_type = T;
  send_chan() noexcept = default;
  send_chan(const chan<T>& c) noexcept : base(static_cast<const base&>(c)) {}  // NOLINT: implicit by intent
  send_chan(chan<T>&& c) noexcept : base(static_cast<base&&>(c)) {}            // NOLINT: implicit by intent
};

// A view of a channel that can only receive. Default-constructed it is nil.
template <class T>
class recv_chan : public detail::receiver<T, detail::chan_handle> {
  using base = detail::receiver<T, detail::chan_handle>;

 public:
  using value_type = T;
  recv_chan() noexcept = default;
  recv_chan(const chan<T>& c) noexcept : base(base::share(c)) {}  // NOLINT: implicit by intent
  recv_chan(chan<T>&& c) noexcept : base(base::take(c)) {}        // NOLINT: implicit by intent

 private:
  friend recv_chan detail::recv_chan_of<T>(detail::chan_core* counted) noexcept;
  explicit recv_chan(detail::chan_core* counted) noexcept : base(counted) {}
};

template <class T>
recv_chan<T> detail::recv_chan_of(chan_core* counted) noexcept {
  return recv_chan<T>(counted);
}

}  // namespace goro
