#include <goro/task_group.hpp>

#include <mutex>
#include <string>

#include <goro/error.hpp>

namespace goro {

task_group::~task_group() {
  cancellable_.cancel();
  running_.wait();
  // Out of a destructor it goes nowhere but into the report.
  if (exception_) std::rethrow_exception(exception_);
}

void task_group::set_limit(std::int64_t n) {
  if (const std::int64_t active = active_.load(std::memory_order_acquire); active != 0) {  // pairs with end()
    throw panic("errgroup: modify limit while " + std::to_string(active) +
                " goroutines in the group are still active");
  }
  limit_ = n < 0 ? nullptr : std::make_unique<semaphore>(n);
}

std::error_code task_group::wait() {
  running_.wait();
  cancellable_.cancel();
  std::exception_ptr thrown;
  std::error_code err;
  {
    const std::lock_guard held(guard_);
    thrown = std::exchange(exception_, nullptr);
    err = err_;
  }
  if (thrown) std::rethrow_exception(thrown);
  return err;
}

void task_group::begin() {
  running_.add();
  active_.fetch_add(1, std::memory_order_relaxed);
}

void task_group::end() noexcept {
  if (limit_) limit_->release();
  active_.fetch_sub(1, std::memory_order_release);  // pairs with set_limit(), which may replace limit_ then
  running_.done();                                  // the group may be gone after this
}

void task_group::fail(std::error_code err, std::exception_ptr exception) {
  {
    const std::lock_guard held(guard_);
    if (exception && !exception_) exception_ = std::move(exception);
    if (err_) return;
    err_ = err;
  }
  cancellable_.cancel(err);
}

}  // namespace goro
