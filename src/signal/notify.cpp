// Who is notified of which signal.
//
// The handler (os/signals.cpp) only notes the number and rouses a thread of the runtime, which sends it to
// all who want it. It sends under the lock of the list, so that nothing arrives after a subscription has been
// taken out of it. A send never waits; the channel's inner lock is the only one that is taken below.
#include <goro/signal.hpp>

#include <algorithm>
#include <array>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <goro/error.hpp>
#include <goro/go.hpp>
#include <goro/select.hpp>

#include "diag/fatal.hpp"
#include "os/signals.hpp"
#include "sched/helper_thread.hpp"
#include "sched/scheduler.hpp"

namespace goro {

namespace detail {

struct signal_watch {
  send_chan<int> to;
  std::vector<int> signals;
};

namespace {

constexpr int k_signals = 64;

struct registry {
  std::mutex guard;
  std::vector<signal_watch*> watches;
  std::array<int, k_signals + 1> wanted{};  // by how many
  bool started = false;
};

// Never destroyed: signals come until the process is gone.
registry& all() {
  static auto& r = *new registry;
  return r;
}

bool wants(const signal_watch& w, int signal) {
  return std::find(w.signals.begin(), w.signals.end(), signal) != w.signals.end();
}

void hand_on(int signal) {
  registry& r = all();
  const std::lock_guard held(r.guard);
  // It came before the last subscription ended, and is noticed only now: what it did before is to happen.
  if (r.wanted[static_cast<std::size_t>(signal)] == 0) return raise_again(signal);
  for (const signal_watch* w : r.watches) {
    if (!wants(*w, signal)) continue;
    try {
      w->to.try_send(signal);
    } catch (const channel_closed&) {  // NOLINT(bugprone-empty-catch): nobody listens any more
    }
  }
}

void* signal_thread(void*) {
  race_hide();
  for (;;) {
    const std::uint64_t taken = wait_for_signals();
    for (int n = 1; n <= k_signals; ++n) {
      if ((taken >> (n - 1) & 1) != 0) hand_on(n);
    }
  }
}

void add(signal_watch& w) {
  registry& r = all();
  const std::lock_guard held(r.guard);
  if (!r.started) {
    if (!start_helper(signal_thread)) fatal("goro: cannot start the thread that hands signals on");
    r.started = true;
  }
  r.watches.push_back(&w);
  // Somebody outside may go on at any time.
  sched.endless_sleeps.fetch_add(1, std::memory_order_release);  // pairs with report_deadlock()
  for (const int s : w.signals) {
    if (r.wanted[static_cast<std::size_t>(s)]++ == 0) catch_signal(s);
  }
}

void remove(signal_watch& w) noexcept {
  registry& r = all();
  const std::lock_guard held(r.guard);
  if (std::erase(r.watches, &w) == 0) return;  // it was stopped before
  for (const int s : w.signals) {
    if (--r.wanted[static_cast<std::size_t>(s)] == 0) release_signal(s);
  }
  sched.endless_sleeps.fetch_sub(1, std::memory_order_release);
}

}  // namespace

}  // namespace detail

signal_subscription::signal_subscription(std::shared_ptr<detail::signal_watch> w) noexcept
    : watch_(std::move(w)) {}

signal_subscription& signal_subscription::operator=(signal_subscription&& other) noexcept {
  if (this == &other) return *this;
  stop();
  watch_ = std::move(other.watch_);
  return *this;
}

signal_subscription::~signal_subscription() { stop(); }

void signal_subscription::stop() noexcept {
  if (watch_) detail::remove(*watch_);
}

signal_subscription notify(send_chan<int> to, std::initializer_list<int> signals) {
  auto w = std::make_shared<detail::signal_watch>();
  w->to = std::move(to);
  for (const int s : signals) {
    if (!detail::can_be_notified(s))
      throw panic("goro::notify: signal " + std::to_string(s) + " cannot be handed on");
    if (!detail::wants(*w, s)) w->signals.push_back(s);
  }
  if (!w->to) throw panic("goro::notify: nil channel");
  detail::ensure_started();
  detail::add(*w);
  return signal_subscription(std::move(w));
}

signal_context notify_context(const context& parent, std::initializer_list<int> signals) {
  auto [ctx, cancel] = with_cancel(parent);
  const chan<int> arrived{1};
  auto subscription = std::make_shared<signal_subscription>(notify(arrived, signals));
  // Its end, by whatever, stops the notification; until then somebody waits for the signal.
  go(go_options{}.name("goro notify_context"), [ctx = ctx, arrived, subscription = std::move(subscription)] {
    recv_case got{arrived};
    recv_case ended{ctx.done()};
    select(got, ended);
    subscription->stop();
    // By the node: a handle of this goroutine's would outlive the last one of the user's.
    const auto canceled = make_error_code(errc::canceled);
    detail::cancel_context(*context_access::node(ctx), canceled, canceled);
  });
  return {.ctx = std::move(ctx), .cancel = std::move(cancel)};
}

}  // namespace goro
