// How a callable becomes a goroutine: it is built once, in place, in the new goroutine's descriptor.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <source_location>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace goro {

using goroutine_id = std::uint64_t;  // 1 for the main goroutine, never reused, 0 for a plain thread

// Keys and their values, in the order in which the keys were set first.
using goroutine_labels = std::vector<std::pair<std::string, std::string>>;

// How a goroutine is to be started. The constructor notes the place in the program for reports.
class go_options {
 public:
  explicit(false) go_options(std::source_location where = std::source_location::current()) noexcept
      : where_(where) {}

  // A name for dumps and reports.
  go_options& name(std::string_view n) & { return name_ = n, *this; }
  go_options&& name(std::string_view n) && { return name_ = n, std::move(*this); }

  // A label for dumps, reports and the live page, as many as you like: which request it works for, for which
  // customer. The goroutine has those of the goroutine that starts it, and these: the last value of a key
  // counts, and an empty one takes the label away (runtime/pprof.Do).
  go_options& label(std::string_view key, std::string_view value) & {
    return labels_.emplace_back(key, value), *this;
  }
  go_options&& label(std::string_view key, std::string_view value) && {
    return labels_.emplace_back(key, value), std::move(*this);
  }

  // How large its stack may become, in bytes, at least 64 KB and rounded up to a power of two; 0: as
  // set_max_stack() says. Only address space is set aside: memory is taken as it is touched. go() throws
  // panic for more than 1 TB; that there is no address space left is fatal at its first turn.
  go_options& stack(std::size_t bytes) & noexcept { return stack_ = bytes, *this; }
  go_options&& stack(std::size_t bytes) && noexcept { return stack_ = bytes, std::move(*this); }

  const std::string& name() const noexcept { return name_; }
  const goroutine_labels& labels() const noexcept { return labels_; }  // as they were given
  std::size_t stack() const noexcept { return stack_; }
  std::source_location where() const noexcept { return where_; }

 private:
  std::string name_;
  goroutine_labels labels_;
  std::size_t stack_ = 0;
  std::source_location where_;
};

namespace detail {

struct goroutine;

// A descriptor that is not queued yet, and where its closure goes.
struct unborn {
  goroutine* gp;
  void* closure;
};

// Calls the closure; destroys it afterwards, also when it throws or exits.
using closure_call = void (*)(void* closure);

// Throws std::bad_alloc; afterwards either spawn_submit() or spawn_abandon() follows. The options may be
// null.
unborn spawn_prepare(std::size_t size, std::size_t align, const go_options* options);
void spawn_submit(goroutine* gp, closure_call call, std::source_location where) noexcept;
void spawn_abandon(goroutine* gp) noexcept;
[[noreturn]] void go_of_nil();

// Fatal "go of nil func value" for a null function pointer or an empty std::function.
template <class F>
void check_callable(const F& f) {
  if constexpr (std::is_function_v<F>) {
    return;
  } else if constexpr (std::is_class_v<F> && requires { static_cast<void (*)()>(f); }) {
    return;  // a captureless lambda converts to a pointer that is never null
  } else if constexpr (requires { static_cast<bool>(f == nullptr); }) {
    if (f == nullptr) go_of_nil();
  }
}

template <class Closure>
struct call_of {
  struct destroyer {
    Closure* c;
    ~destroyer() { c->~Closure(); }
  };
  static void call(void* p) {
    const destroyer d{static_cast<Closure*>(p)};
    (*d.c)();
  }
};

// Builds Closure{args...} in a new goroutine and starts it.
template <class Closure, class... Args>
void spawn(const go_options* options, std::source_location where, Args&&... args) {
  const unborn u = spawn_prepare(sizeof(Closure), alignof(Closure), options);
  if constexpr (std::is_nothrow_constructible_v<Closure, Args...>) {
    ::new (u.closure) Closure{std::forward<Args>(args)...};
  } else {
    try {
      ::new (u.closure) Closure{std::forward<Args>(args)...};
    } catch (...) {
      spawn_abandon(u.gp);
      throw;
    }
  }
  spawn_submit(u.gp, &call_of<Closure>::call, where);
}

// A callable and its arguments, as in std::thread: decayed copies, handed over as rvalues.
template <class F, class... Args>
struct bound {
  F f;
  std::tuple<Args...> args;
  template <class G, class... As>
  explicit bound(G&& g, As&&... as) : f(std::forward<G>(g)), args(std::forward<As>(as)...) {}
  decltype(auto) apply() { return std::apply(std::move(f), std::move(args)); }
  void operator()() { static_cast<void>(apply()); }
};

template <class F>
struct bound<F> {
  F f;
  template <class G>
  explicit bound(G&& g) noexcept(std::is_nothrow_constructible_v<F, G>) : f(std::forward<G>(g)) {}
  decltype(auto) apply() { return std::invoke(std::move(f)); }
  void operator()() { static_cast<void>(apply()); }
};

}  // namespace detail
}  // namespace goro
