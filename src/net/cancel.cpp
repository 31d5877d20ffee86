#include "net/cancel.hpp"

#include <mutex>
#include <optional>
#include <utility>

namespace goro::detail {

struct cancel_link {
  mutex guard;
  net_fd* f = nullptr;  // null: ended
  bool fired = false;   // the context has ended, and cancelled the descriptor
  std::optional<stop_func> stop;
};

namespace {

// What waits for the descriptor belongs to somebody else once that is closed.
void set_canceled(net_fd* f, bool canceled) {
  const fd_use use(f);
  if (use) set_canceled(*f->poll, canceled);
}

void cancel(cancel_link& link) {
  const std::lock_guard held(link.guard);
  if (!link.f || std::exchange(link.fired, true)) return;
  set_canceled(link.f, true);
}

}  // namespace

std::shared_ptr<cancel_link> cancel_on_end(const context& ctx, net_fd* f) {
  if (!f || !f->poll || !ctx.done()) return nullptr;
  auto link = std::make_shared<cancel_link>();
  f->refs.fetch_add(1, std::memory_order_relaxed);
  link->f = f;
  if (ctx.err()) {
    cancel(*link);
    return link;
  }
  link->stop.emplace(after_func(ctx, [link] { cancel(*link); }));
  return link;
}

void end_link(cancel_link& link) {
  if (link.stop) (*link.stop)();
  net_fd* f = nullptr;
  {
    const std::lock_guard held(link.guard);
    f = std::exchange(link.f, nullptr);
    if (!f) return;
    if (link.fired) set_canceled(f, false);
  }
  drop_ref(f);
}

}  // namespace goro::detail
