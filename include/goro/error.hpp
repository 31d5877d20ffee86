// Errors, of three kinds.
//   The environment failed      -> a value: result<T> or io_result, holding a std::error_code.
//   The program misused goro    -> an exception derived from goro::panic (what Go calls a run-time panic).
//   An invariant is broken      -> a report on stderr and exit code 2; no handler can catch it.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

namespace goro {

// Errors of goro's own. They compare equal to the std::errc of the same meaning: timed_out,
// operation_canceled, operation_would_block, host_unreachable (no_such_host), invalid_argument
// (invalid_address, invalid_path), ...; callers compare codes, never texts.
enum class errc {
  closed = 1,
  timed_out,
  canceled,
  would_block,
  unexpected_eof,
  no_such_host,
  no_deadline,
  invalid_address,
  invalid_path,
};

// The category of errc; one object for the life of the process. Never throws.
const std::error_category& goro_category() noexcept;

inline std::error_code make_error_code(errc e) noexcept { return {static_cast<int>(e), goro_category()}; }

// The type of the runtime's own errors (Go's runtime.Error): thrown on misuse that a program can recover
// from. Users throw types of their own; one that leaves a goroutine ends the process with a report.
class panic : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

// Thrown by a send on a closed channel, a second close, and the close of a nil channel. what() is Go's text.
class channel_closed : public panic {
 public:
  using panic::panic;
};

// A failure on its way into a result<T>. Made by fail().
struct [[nodiscard]] failure {
  std::error_code code;
};

// Marks an error code as a failure, so that a result<std::error_code> is not ambiguous.
inline failure fail(std::error_code code) noexcept { return {code}; }

// A T or the std::error_code that says why there is none. Reading the value of a failure with * or -> is
// checked: it throws, as value() does.
template <class T>
class [[nodiscard]] result {
 public:
  result(failure f) noexcept : state_(std::in_place_index<1>, f.code) {}  // NOLINT: implicit by intent
  template <class U = T>
    requires std::is_constructible_v<T, U> && (!std::is_same_v<std::remove_cvref_t<U>, failure>) &&
             (!std::is_same_v<std::remove_cvref_t<U>, result>)
  result(U&& value) : state_(std::in_place_index<0>, std::forward<U>(value)) {}  // NOLINT: implicit by intent

  explicit operator bool() const noexcept { return state_.index() == 0; }
  bool has_value() const noexcept { return state_.index() == 0; }

  // The value; throws std::system_error with error() if there is none.
  T& value() & { return checked(), std::get<0>(state_); }
  const T& value() const& { return checked(), std::get<0>(state_); }
  T&& value() && { return checked(), std::get<0>(std::move(state_)); }

  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  template <class U>
  T value_or(U&& other) const& {
    return *this ? std::get<0>(state_) : static_cast<T>(std::forward<U>(other));
  }
  template <class U>
  T value_or(U&& other) && {
    return *this ? std::get<0>(std::move(state_)) : static_cast<T>(std::forward<U>(other));
  }

  // The error; an empty code (no error) if there is a value.
  std::error_code error() const noexcept {
    const auto* code = std::get_if<1>(&state_);
    return code ? *code : std::error_code{};
  }

 private:
  void checked() const {
    if (!*this) throw std::system_error(error());
  }

  std::variant<T, std::error_code> state_;
};

// What an input or output call did: n bytes, and the error that stopped it. Both are meaningful.
struct [[nodiscard]] io_result {
  std::size_t n = 0;
  std::error_code err;
  explicit operator bool() const noexcept { return !err; }
};

}  // namespace goro

template <>
struct std::is_error_code_enum<goro::errc> : std::true_type {};
