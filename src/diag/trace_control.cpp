// start_trace and stop_trace.
#include <cerrno>
#include <new>
#include <utility>

#include <goro/detail/blocking.hpp>
#include <goro/diag.hpp>
#include <goro/error.hpp>

#include "diag/trace_writer.hpp"
#include "os/file.hpp"
#include "sched/scheduler.hpp"

namespace goro::detail {

namespace {

// Of the one recording of the process: from `none` to `changing` whoever wants to start it, from `on` whoever
// wants to stop it; nobody else touches g_writer then.
enum class phase : std::uint8_t { none, changing, on };
constinit std::atomic<phase> g_phase{phase::none};
constinit trace_writer* g_writer = nullptr;

bool advance(phase from, phase to) noexcept {
  return g_phase.compare_exchange_strong(from, to, std::memory_order_acquire,  // pairs with settle()
                                         std::memory_order_relaxed);
}
void settle(phase p) noexcept { g_phase.store(p, std::memory_order_release); }  // pairs with advance()

int open_and_start(const std::string& path, diag::trace_limits limits) noexcept {
  const opened_file file = create_file(path);
  if (file.error != 0) return file.error;
  int error = 0;
  try {
    g_writer = new trace_writer(file.fd, limits);
    error = g_writer->start();
  } catch (const std::bad_alloc&) {
    error = ENOMEM;
  }
  if (error == 0) return 0;
  delete std::exchange(g_writer, nullptr);
  close_file(file.fd);
  return error;
}

int stop_and_free() noexcept {
  const int error = g_writer->stop();
  delete std::exchange(g_writer, nullptr);
  return error;
}

}  // namespace

void finish_trace_at_exit() noexcept {
  if (advance(phase::on, phase::changing)) stop_and_free();
}

}  // namespace goro::detail

namespace goro::diag {

std::error_code start_trace(const std::string& path, trace_limits limits) {
  const detail::race_hidden hidden;
  detail::ensure_started();
  if (!detail::advance(detail::phase::none, detail::phase::changing))
    return std::make_error_code(std::errc::device_or_resource_busy);
  const int error = detail::open_and_start(path, limits);
  detail::settle(error == 0 ? detail::phase::on : detail::phase::none);
  return error == 0 ? std::error_code() : std::error_code(error, std::system_category());
}

std::error_code stop_trace() {
  if (!detail::advance(detail::phase::on, detail::phase::changing))
    throw panic("goro: stop_trace: there is no trace");
  const detail::blocking_region region;
  const detail::race_hidden hidden;
  const int error = detail::stop_and_free();
  detail::settle(detail::phase::none);
  return error == 0 ? std::error_code() : std::error_code(error, std::system_category());
}

}  // namespace goro::diag
