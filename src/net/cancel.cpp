#include "net/cancel.hpp"

#include <utility>

#include "ctx/at_end.hpp"

namespace goro::detail {

struct cancel_link {
  net_fd* f = nullptr;  // null: ended
  bool fired = false;   // the context has ended, and cancelled the descriptor; guarded by its tree's mutex
  std::shared_ptr<void> registration;
};

namespace {

// What waits for the descriptor belongs to somebody else once that is closed.
void set_canceled(net_fd* f, bool canceled) {
  const fd_use use(f);
  if (!use) return;
  if (f->poll) return set_canceled(*f->poll, canceled);
  f->cancels.fetch_add(canceled ? 1 : -1, std::memory_order_release);  // pairs with may_begin()
}

}  // namespace

std::shared_ptr<cancel_link> cancel_on_end(const context& ctx, net_fd* f) {
  if (!f || !ctx.done()) return nullptr;
  auto link = std::make_shared<cancel_link>();
  link->f = f;
  auto action = [l = link.get()] {  // it lives until end_link()
    l->fired = true;
    set_canceled(l->f, true);
  };
  link->registration = register_at_end(context_access::node(ctx),
                                       std::make_unique<timer_call<decltype(action)>>(std::move(action)));
  f->refs.fetch_add(1, std::memory_order_relaxed);
  return link;
}

void end_link(cancel_link& link) {
  if (!link.f) return;
  unregister_after(link.registration.get());
  net_fd* f = std::exchange(link.f, nullptr);
  if (link.fired) set_canceled(f, false);
  drop_ref(f);
}

}  // namespace goro::detail
