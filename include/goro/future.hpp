// async(f): a goroutine whose result, or exception, can be fetched.
#pragma once

#include <chrono>
#include <concepts>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>
#include <variant>

#include <goro/detail/spawn.hpp>
#include <goro/error.hpp>
#include <goro/wait_group.hpp>

namespace goro {

template <class R>
class future;

namespace detail {

template <class R, class Bound, class... Args>
future<R> start_async(std::source_location where, Args&&... args);

// What the goroutine and the future share.
template <class R>
struct async_state {
  using stored =
      std::conditional_t<std::is_void_v<R>, std::monostate,
                         std::conditional_t<std::is_reference_v<R>, std::remove_reference_t<R>*, R>>;
  wait_group finished;
  std::optional<stored> value;
  std::exception_ptr error;
};

template <class R, class Bound>
class async_task {
 public:
  template <class... Args>
  explicit async_task(std::shared_ptr<async_state<R>> state, Args&&... args)
      : state_(std::move(state)), call_(std::forward<Args>(args)...) {}

  void operator()() {
    try {
      if constexpr (std::is_void_v<R>) {
        call_.apply();
        state_->value.emplace();
      } else if constexpr (std::is_reference_v<R>) {
        state_->value.emplace(std::addressof(call_.apply()));
      } else {
        state_->value.emplace(call_.apply());
      }
    } catch (...) {
      state_->error = std::current_exception();
      if (!state_->error) {  // no exception but this_goroutine::exit
        state_->error = std::make_exception_ptr(panic("goro: the goroutine of this future exited"));
        throw;
      }
    }
  }

 private:
  // Not finished before the function and its arguments are destroyed: they may refer to what the caller of
  // get() is about to leave. Counts by itself, so that it is even whatever throws before the goroutine has
  // started.
  class unfinished {
   public:
    explicit unfinished(std::shared_ptr<async_state<R>> state) : state_(std::move(state)) {
      state_->finished.add();
    }
    ~unfinished() { state_->finished.done(); }
    unfinished(const unfinished&) = delete;
    unfinished& operator=(const unfinished&) = delete;
    async_state<R>* operator->() const noexcept { return state_.get(); }

   private:
    std::shared_ptr<async_state<R>> state_;
  };
  unfinished state_;
  Bound call_;
};

}  // namespace detail

// The result of an async goroutine. Move-only; the destructor does not wait. The end of the goroutine's
// function happens before get() or wait() returns.
template <class R>
class [[nodiscard]] future {
 public:
  future() noexcept = default;
  future(future&&) noexcept = default;
  future& operator=(future&&) noexcept = default;
  future(const future&) = delete;
  future& operator=(const future&) = delete;

  // True until get() was called; false for a default-constructed or moved-from future.
  [[nodiscard]] bool valid() const noexcept { return state_ != nullptr; }

  // Blocks until the function has ended; returns its result or rethrows its exception. Once; a second call
  // throws panic. If the goroutine ended by this_goroutine::exit it throws panic.
  R get() {
    checked();
    const auto state = std::move(state_);
    state->finished.wait();
    // Taken out: the goroutine may be the last to let go of the state, and has nothing to do with the
    // exception then.
    if (const std::exception_ptr error = std::move(state->error)) std::rethrow_exception(error);
    if constexpr (std::is_reference_v<R>) {
      return static_cast<R>(**state->value);
    } else if constexpr (!std::is_void_v<R>) {
      return std::move(*state->value);
    }
  }

  // Blocks until the function has ended.
  void wait() const {
    checked();
    state_->finished.wait();
  }
  // For at most d; true if the function has ended.
  template <class Rep, class Period>
  [[nodiscard]] bool wait_for(const std::chrono::duration<Rep, Period>& d) const {
    checked();
    return state_->finished.wait_for(d);
  }

 private:
  template <class S, class Bound, class... Args>
  friend future<S> detail::start_async(std::source_location where, Args&&... args);

  explicit future(std::shared_ptr<detail::async_state<R>> state) noexcept : state_(std::move(state)) {}
  void checked() const {
    if (!state_) throw panic("goro: future has no state (its result was taken, or it never had one)");
  }
  std::shared_ptr<detail::async_state<R>> state_;
};

namespace detail {

template <class R, class Bound, class... Args>
future<R> start_async(std::source_location where, Args&&... args) {
  auto state = std::make_shared<async_state<R>>();
  spawn<async_task<R, Bound>>(nullptr, where, state, std::forward<Args>(args)...);
  return future<R>(std::move(state));
}

}  // namespace detail

// Starts f(args...) as a goroutine, as go() does, and returns a future for its result. An exception that
// leaves f is kept for get(), and dropped if nobody asks.
template <class F>
  requires std::invocable<std::decay_t<F>>
auto async(F&& f, std::source_location where = std::source_location::current()) {
  detail::check_callable(f);
  return detail::start_async<std::invoke_result_t<std::decay_t<F>>, detail::bound<std::decay_t<F>>>(
      where, std::forward<F>(f));
}

template <class F, class A>
  requires std::invocable<std::decay_t<F>, std::decay_t<A>>
auto async(F&& f, A&& a, std::source_location where = std::source_location::current()) {
  detail::check_callable(f);
  return detail::start_async<std::invoke_result_t<std::decay_t<F>, std::decay_t<A>>,
                             detail::bound<std::decay_t<F>, std::decay_t<A>>>(where, std::forward<F>(f),
                                                                              std::forward<A>(a));
}

template <class F, class A, class B>
  requires std::invocable<std::decay_t<F>, std::decay_t<A>, std::decay_t<B>>
auto async(F&& f, A&& a, B&& b, std::source_location where = std::source_location::current()) {
  detail::check_callable(f);
  return detail::start_async<std::invoke_result_t<std::decay_t<F>, std::decay_t<A>, std::decay_t<B>>,
                             detail::bound<std::decay_t<F>, std::decay_t<A>, std::decay_t<B>>>(
      where, std::forward<F>(f), std::forward<A>(a), std::forward<B>(b));
}

// With three and more the place of the call is not known to reports.
template <class F, class A, class B, class C, class... More>
  requires std::invocable<std::decay_t<F>, std::decay_t<A>, std::decay_t<B>, std::decay_t<C>,
                          std::decay_t<More>...>
auto async(F&& f, A&& a, B&& b, C&& c, More&&... more) {
  detail::check_callable(f);
  using result = std::invoke_result_t<std::decay_t<F>, std::decay_t<A>, std::decay_t<B>, std::decay_t<C>,
                                      std::decay_t<More>...>;
  return detail::start_async<result, detail::bound<std::decay_t<F>, std::decay_t<A>, std::decay_t<B>,
                                                   std::decay_t<C>, std::decay_t<More>...>>(
      std::source_location(), std::forward<F>(f), std::forward<A>(a), std::forward<B>(b), std::forward<C>(c),
      std::forward<More>(more)...);
}

}  // namespace goro
