// Go's defer: something to do when the scope is left, in whatever way.
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>

namespace goro {

// Calls its function when the scope is left by return, exception or this_goroutine::exit; several run in
// reverse order. The destructor is noexcept only if the function is; throwing from it while another exception
// unwinds the scope is std::terminate, as everywhere in C++.
template <std::invocable F>
class [[nodiscard]] scope_exit {
 public:
  explicit scope_exit(F f) noexcept(std::is_nothrow_move_constructible_v<F>) : f_(std::move(f)) {}
  ~scope_exit() noexcept(std::is_nothrow_invocable_v<F&>) { f_(); }
  scope_exit(const scope_exit&) = delete;
  scope_exit& operator=(const scope_exit&) = delete;

 private:
  F f_;
};

}  // namespace goro
