#include "server.hpp"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <system_error>
#include <utility>

#include <goro/goro.hpp>
#include <goro/signal.hpp>

#include "../common/accept_clients.hpp"
#include "../common/command_line.hpp"

namespace web {

namespace {

using namespace std::chrono_literals;
using talker = std::function<void(goro::net::tcp_conn, const lifetime&)>;

// Those who connected before the listener closes have been promised to be heard.
constexpr auto k_last_call = 50ms;
// How long to wait for a descriptor, or for memory, to become free.
constexpr auto k_short_of_means = 10ms;

struct crowd {
  const talker& talk;
  lifetime life;
  goro::semaphore places;
  goro::wait_group present;

  // Without a place it waits for one, for as long as the grace lasts.
  void admit(goro::net::tcp_conn conn, bool has_place) {
    present.go([this, has_place, c = std::move(conn)]() mutable {
      if (!has_place && places.acquire(life.end)) return;
      const goro::scope_exit leave([this] { places.release(); });
      try {
        talk(std::move(c), life);
      } catch (const std::exception& e) {
        std::fprintf(stderr, "connection given up: %s\n", e.what());
      }
    });
  }
};

// Whom the kernel had connected, all of them at once: who would wait for places here could not end.
void accept_the_last(goro::net::tcp_listener& listener, crowd& all) {
  static_cast<void>(listener.set_deadline(goro::clock::now() + k_last_call));
  for (;;) {
    auto conn = listener.accept();
    if (conn) {
      all.admit(std::move(*conn), false);
    } else if (conn.error() == goro::errc::timed_out) {
      return;
    } else {
      goro::sleep_for(k_short_of_means);
    }
  }
}

}  // namespace

int serve(const options& o, const talker& talk) {
  auto listener = goro::net::listen(o.address);
  if (!listener) {
    std::fprintf(stderr, "cannot listen at %s: %s\n", o.address.c_str(), listener.error().message().c_str());
    return 1;
  }
  const auto signals = goro::notify_context(goro::background(), {SIGTERM, SIGINT});
  const auto ending = goro::with_cancel(goro::background());
  crowd all{.talk = talk,
            .life = {.stop = signals.ctx, .end = ending.ctx},
            .places = goro::semaphore(o.connections),
            .present = {}};
  example::announce(*listener);
  example::accept_clients(*listener, all.places, signals.ctx,
                          [&](goro::net::tcp_conn conn) { all.admit(std::move(conn), true); });
  signals.cancel();  // from now on the signals have their usual effect
  accept_the_last(*listener, all);
  static_cast<void>(listener->close());

  if (all.present.wait_for(o.grace)) return 0;
  std::fprintf(stderr, "the grace is over, the rest is given up\n");
  ending.cancel();
  all.present.wait();
  return 1;
}

}  // namespace web
