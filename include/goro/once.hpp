// Running a function exactly once.
#pragma once

#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include <goro/detail/spawn.hpp>
#include <goro/error.hpp>
#include <goro/mutex.hpp>

namespace goro {

// sync.Once. The end of the one run of f happens before the return of every call().
class once {
 public:
  constexpr once() noexcept = default;
  once(const once&) = delete;
  once& operator=(const once&) = delete;

  // Calls f if no call on this object has been made before; else blocks until that first run has ended.
  // If f throws, its caller gets the exception, the once counts as done and later calls return silently.
  // A call from inside f blocks for ever.
  template <class F>
  void call(F&& f) {
    if (done_.load(std::memory_order_acquire)) return;  // pairs with the release in mark_done
    const std::lock_guard guard(mutex_);
    if (done_.load(std::memory_order_relaxed)) return;
    const mark_done mark{done_};
    std::forward<F>(f)();
  }

 private:
  struct mark_done {
    std::atomic<bool>& done;
    ~mark_done() { done.store(true, std::memory_order_release); }  // pairs with the acquire in call
  };

  std::atomic<bool> done_{false};
  mutex mutex_;
};

// A copyable function object that runs f at its first call and yields the same const R& at every call
// (sync.OnceValue), or nothing where f returns nothing (sync.OnceFunc). If f threw, every call rethrows that
// exception. Blocks while another goroutine runs f; the end of that run happens before the return.
template <class F>
auto once_value(F&& f) {
  using function = std::decay_t<F>;
  using value = std::invoke_result_t<function>;
  constexpr bool is_void = std::is_void_v<value>;
  using kept = std::conditional_t<is_void, std::monostate, value>;
  using yielded = std::conditional_t<is_void, void, const kept&>;
  struct state {
    explicit state(F&& g) : f(std::forward<F>(g)) {}
    once guard;
    std::optional<function> f;
    std::optional<kept> result;
    std::exception_ptr error;
  };
  return [s = std::make_shared<state>(std::forward<F>(f))]() -> yielded {
    s->guard.call([&] {
      try {
        if constexpr (is_void) {
          (*s->f)();
          s->result.emplace();
        } else {
          s->result.emplace((*s->f)());
        }
      } catch (...) {
        s->error = std::current_exception();
        if (!s->error) throw;  // no exception but this_goroutine::exit
      }
      s->f.reset();
    });
    if (s->error) std::rethrow_exception(s->error);
    if (!s->result) throw panic("goro: once_value: the goroutine that ran the function exited in it");
    if constexpr (!is_void) return *s->result;
  };
}

}  // namespace goro
