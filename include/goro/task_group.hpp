// A group of goroutines that is waited for as one.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <system_error>
#include <type_traits>
#include <utility>

#include <goro/context.hpp>
#include <goro/go.hpp>
#include <goro/mutex.hpp>
#include <goro/semaphore.hpp>
#include <goro/wait_group.hpp>

namespace goro {

// Starts functions as goroutines and collects the first failure: an error code other than zero, or an
// exception. The first failure cancels the group's context with that code as its cause (errc::canceled for an
// exception), and so does the return of wait(). The end of each function happens before the return of wait().
// (x/sync/errgroup)
class task_group {
 public:
  // Its context derives from background(), or from ctx.
  task_group() : task_group(background()) {}
  explicit task_group(const goro::context& ctx) : cancellable_(with_cancel(ctx)) {}
  task_group(const task_group&) = delete;
  task_group& operator=(const task_group&) = delete;
  // Cancels the context and waits for all. An exception that no wait() has rethrown ends the process, as one
  // that leaves a goroutine does.
  ~task_group();

  // Starts f() or f(const context&), which returns void or a std::error_code, once the limit lets it: blocks
  // as long as that many run. Throws what copying f throws, and std::bad_alloc.
  template <class F>
  void go(F&& f, std::source_location where = std::source_location::current()) {
    detail::check_callable(f);
    if (limit_) limit_->acquire();
    start(std::forward<F>(f), where);
  }

  // The same if it needs no waiting; else false, and nothing was started.
  template <class F>
  [[nodiscard]] bool try_go(F&& f, std::source_location where = std::source_location::current()) {
    detail::check_callable(f);
    if (limit_ && !limit_->try_acquire()) return false;
    start(std::forward<F>(f), where);
    return true;
  }

  // At most n of the functions run at once; a negative n lifts the limit, zero admits none. Throws panic
  // "errgroup: modify limit while N goroutines in the group are still active".
  void set_limit(std::int64_t n);

  // Done at the first failure, or when wait() has returned.
  [[nodiscard]] const goro::context& context() const noexcept { return cancellable_.ctx; }

  // Blocks until all have ended. Rethrows the first exception, if any was thrown; else the first code.
  [[nodiscard]] std::error_code wait();

 private:
  template <class F>
  static constexpr bool k_takes_context = std::invocable<F&, const goro::context&>;

  template <class F>
  static std::error_code call(F& f, const goro::context& ctx) {
    const auto invoke = [&]() -> decltype(auto) {
      if constexpr (k_takes_context<F>) {
        return f(ctx);
      } else {
        return f();
      }
    };
    if constexpr (std::is_void_v<decltype(invoke())>) {
      invoke();
      return {};
    } else {
      return invoke();
    }
  }

  template <class F>
  void start(F&& f, std::source_location where) {
    using function = std::decay_t<F>;
    static_assert(k_takes_context<function> || std::invocable<function&>,
                  "goro::task_group: the function takes nothing or a const goro::context&");
    begin();
    try {
      detail::spawn<task<function>>(nullptr, where, this, std::forward<F>(f));
    } catch (...) {
      end();
      throw;
    }
  }

  // The closure is destroyed before the group hears of the end.
  template <class F>
  struct task {
    task_group* group;
    std::optional<F> f;

    template <class G>
    task(task_group* g, G&& function) : group(g), f(std::forward<G>(function)) {}
    task(const task&) = delete;
    task& operator=(const task&) = delete;
    ~task() {
      f.reset();
      group->end();
    }
    void operator()() {
      try {
        if (const std::error_code err = call(*f, group->context())) group->fail(err, nullptr);
      } catch (...) {
        const std::exception_ptr thrown = std::current_exception();
        if (!thrown) throw;  // no exception but this_goroutine::exit
        group->fail(make_error_code(errc::canceled), thrown);
      }
    }
  };

  void begin();
  void end() noexcept;
  void fail(std::error_code err, std::exception_ptr exception);

  cancellable_context cancellable_;
  std::unique_ptr<semaphore> limit_;
  wait_group running_;
  std::atomic<std::int64_t> active_{0};
  mutex guard_;
  // The first failure; guarded by it.
  std::error_code err_;
  std::exception_ptr exception_;
};

}  // namespace goro
