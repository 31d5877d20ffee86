// run(f): f becomes the main goroutine.
#pragma once

#include <concepts>
#include <functional>
#include <source_location>
#include <type_traits>
#include <utility>

namespace goro {

// How run() starts the scheduler.
class run_options {
 public:
  // The number of Ps, as by set_max_procs(n).
  run_options& max_procs(int n) & noexcept { return procs_ = n, *this; }
  run_options&& max_procs(int n) && noexcept { return procs_ = n, std::move(*this); }
  int max_procs() const noexcept { return procs_; }

 private:
  int procs_ = 0;
};

namespace detail {

using main_function = int (*)(void* f);
int run_main(const run_options& options, main_function call, void* f, std::source_location where);

}  // namespace detail

// Calls f as the main goroutine and blocks the calling thread until it returns; returns what f returns, 0 for
// void. Other goroutines are neither awaited nor unwound: they go on until the process ends, which is when
// main returns. An exception that leaves f is reported and ends the process with exit code 2. A second run,
// later, is allowed; inside a goroutine it throws panic.
template <class F>
  requires std::invocable<F&>
int run(run_options options, F&& f, std::source_location where = std::source_location::current()) {
  using result = std::invoke_result_t<F&>;
  static_assert(std::is_void_v<result> || std::is_convertible_v<result, int>,
                "goro::run: the main function returns void or something that converts to int, its exit code");
  // By way of a pointer to a pointer, since one to a function is none to an object.
  auto* address = std::addressof(f);
  auto call = [](void* p) -> int {
    auto& function = **static_cast<decltype(address)*>(p);
    if constexpr (std::is_void_v<result>) {
      std::invoke(function);
      return 0;
    } else {
      return static_cast<int>(std::invoke(function));
    }
  };
  return detail::run_main(options, call, &address, where);
}

template <class F>
  requires std::invocable<F&>
int run(F&& f, std::source_location where = std::source_location::current()) {
  return run(run_options{}, std::forward<F>(f), where);
}

}  // namespace goro
