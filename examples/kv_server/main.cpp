// A key-value server that redis-cli, redis-benchmark and the clients of Redis talk to: strings with and
// without a time to live.
//
//   kv_server --address 127.0.0.1:6380
//   redis-cli -p 6380 set greeting hello ex 60
//
// One goroutine for each client, in plain blocking code (session.cpp); the protocol (resp.cpp) and the table
// (store.cpp) know nothing of goroutines but a lock. SIGTERM and SIGINT end it in order: nobody is let in,
// what has been read is answered, and who then still holds on is cut off after --grace.
//
// Exit code 0: it was told to end. 1: it cannot listen there. 2: wrong usage.

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

#include <goro/goro.hpp>
#include <goro/net.hpp>
#include <goro/signal.hpp>

#include "../common/accept_clients.hpp"
#include "../common/command_line.hpp"
#include "session.hpp"
#include "store.hpp"

namespace {

using namespace std::chrono_literals;

constexpr const char* k_usage =
    "usage: kv_server [--address HOST:PORT] [--max-clients N] [--write-timeout TIME] [--grace TIME]\n"
    "  --address HOST:PORT    where to listen (default: 127.0.0.1:6380); port 0 lets the kernel choose\n"
    "  --max-clients N        further ones wait until one leaves (default: 10000)\n"
    "  --write-timeout TIME   for a client that takes no answers (default: 30s)\n"
    "  --grace TIME           for clients to end after SIGTERM (default: 5s)\n";

struct settings {
  std::string address = "127.0.0.1:6380";
  std::int64_t max_clients = 10'000;
  std::chrono::milliseconds grace = 5s;
  kv::session_settings session;
};

// Gives back what has expired and nobody asks for.
void sweep(kv::store& s, const goro::context& stopping) {
  const goro::ticker ticks(100ms);
  for (;;) {
    goro::recv_case tick{ticks.c()};
    goro::recv_case stop{stopping.done()};
    goro::select(tick, stop);
    if (stop) return;
    s.sweep();
  }
}

int serve(const settings& set) {
  auto listener = goro::net::listen(set.address);
  if (!listener) {
    std::fprintf(stderr, "kv_server: cannot listen on %s: %s\n", set.address.c_str(),
                 listener.error().message().c_str());
    return 1;
  }
  const auto stopping = goro::notify_context(goro::background(), {SIGTERM, SIGINT});
  const auto ended = goro::with_cancel(goro::background());
  kv::store store;
  goro::semaphore places(set.max_clients);
  goro::wait_group sweeper;
  goro::wait_group sessions;

  example::announce(*listener);
  sweeper.go([&] { sweep(store, stopping.ctx); });
  example::accept_clients(*listener, places, stopping.ctx, [&](goro::net::tcp_conn conn) {
    sessions.go([&, c = std::move(conn)]() mutable {
      const goro::scope_exit leave([&] { places.release(); });
      kv::serve(std::move(c), store, set.session, stopping.ctx, ended.ctx);
    });
  });

  static_cast<void>(listener->close());
  if (!sessions.wait_for(set.grace)) ended.cancel();
  sessions.wait();
  sweeper.wait();
  std::printf("stopped with %zu keys\n", store.size());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  settings set;
  const std::array options{
      example::option{"--address", example::host_port(set.address)},
      example::option{"--max-clients", example::number<std::int64_t>(set.max_clients, 1, 1'000'000)},
      example::option{"--write-timeout", example::duration(set.session.write_timeout)},
      example::option{"--grace", example::duration(set.grace)},
  };
  if (const auto code = example::read_arguments(argc, argv, k_usage, options)) return *code;
  return goro::run([&set] { return serve(set); });
}
