// The server of a live page: a goroutine that accepts, and one for each connection.
//
// The handle ends it: the context ends, and with it accept() and all that the connections wait for
// (cancel_guard); the handle waits until the last goroutine has said that it ends. So what they refer to, the
// server, outlives them, and they need no counted reference to it.
//
// Connections beyond k_connections wait in the kernel's queue. Nobody can hold a place for ever, see
// session.cpp.
#include <chrono>
#include <exception>
#include <utility>

#include <goro/context.hpp>
#include <goro/go.hpp>
#include <goro/net.hpp>
#include <goro/page.hpp>
#include <goro/scope_exit.hpp>
#include <goro/semaphore.hpp>
#include <goro/time.hpp>
#include <goro/wait_group.hpp>

#include "page/request.hpp"
#include "page/session.hpp"

namespace goro::detail {

namespace {

constexpr int k_connections = 32;
// How long to wait for a descriptor, or for memory, to become free.
constexpr std::chrono::milliseconds k_short_of_means{100};

template <class F>
void go_counted(wait_group& present, F f) {
  present.add();
  try {
    go(go_options{}.name("goro page"), [&present, f = std::move(f)]() mutable {
      const scope_exit left([&present] { present.done(); });
      f();
    });
  } catch (...) {
    present.done();
    throw;
  }
}

}  // namespace

struct page_server {
  explicit page_server(net::tcp_listener l) : listener(std::move(l)) {
    site.served = listener.local();
    site.facts = {.address = to_string(site.served), .loopback = is_loopback(site.served)};
  }

  void accept_all() {
    const net::cancel_guard end(life.ctx, listener);
    while (!places.acquire(life.ctx)) {
      auto conn = listener.accept();
      if (!conn) {
        places.release();
        if (life.ctx.err()) return;
        sleep_for(k_short_of_means);
        continue;
      }
      admit(std::move(*conn));
    }
  }

  // If there is no memory for it the connection ends here, and the server goes on.
  void admit(net::tcp_conn conn) {
    try {
      go_counted(present, [this, c = std::move(conn)]() mutable {
        const scope_exit left([this] { places.release(); });
        try {
          serve_connection(std::move(c), life.ctx, site);
        } catch (const std::exception&) {
          return;
        }
      });
    } catch (const std::exception&) {
      places.release();
    }
  }

  void stop() {
    life.cancel();
    present.wait();
    static_cast<void>(listener.close());
  }

  net::tcp_listener listener;
  cancellable_context life = with_cancel(background());
  semaphore places{k_connections};
  wait_group present;
  page_site site{.facts = {}, .served = {}, .until = life.ctx, .one_at_a_time = {}, .recorder = semaphore(1)};
};

}  // namespace goro::detail

namespace goro::diag {

live_page::live_page(std::shared_ptr<detail::page_server> s) noexcept : server_(std::move(s)) {}
live_page::live_page(live_page&&) noexcept = default;

live_page& live_page::operator=(live_page&& other) noexcept {
  if (this != &other) {
    stop();
    server_ = std::move(other.server_);
  }
  return *this;
}

live_page::~live_page() { stop(); }

std::string live_page::address() const { return server_ ? server_->site.facts.address : std::string(); }

std::string live_page::url() const { return server_ ? "http://" + address() + "/" : std::string(); }

void live_page::stop() noexcept {
  if (server_) server_->stop();
}

result<live_page> serve(std::string_view address) {
  auto listener = net::listen(detail::full_address(address));
  if (!listener) return fail(listener.error());
  auto server = std::make_shared<detail::page_server>(std::move(*listener));
  detail::go_counted(server->present, [s = server.get()] { s->accept_all(); });
  return live_page(std::move(server));
}

}  // namespace goro::diag
