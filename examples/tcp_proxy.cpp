// A reverse proxy for TCP: what comes in is passed to one of several servers in turn, and back.
//
//   tcp_proxy --address 127.0.0.1:9000 --backend 127.0.0.1:9001 --backend 127.0.0.1:9002
//
// Two goroutines for each client, one for a direction: read, write, again. A slow reader needs no care: its
// goroutine waits in write(), so nothing more is read from the other side. The end of one direction is passed
// on alone (close_write), and the other one goes on; an error in one ends both.
//
// The idle time is that of both directions together. Each notes when it has moved something; its deadline is
// looked at only when it rings, and set again if something has moved since, so the clock costs no timer for
// each read. While a write waits, what peers read of the kernel's queues counts as well: both deadlines may
// ring at once, so whoever looks first looks for both.
//
// Exit code 0: it was told to end. 1: it cannot listen there. 2: wrong usage.

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <goro/goro.hpp>
#include <goro/net.hpp>
#include <goro/signal.hpp>

#include "common/accept_clients.hpp"
#include "common/acknowledged.hpp"
#include "common/command_line.hpp"

namespace {

using namespace std::chrono_literals;
using goro::net::tcp_conn;

constexpr const char* k_usage =
    "usage: tcp_proxy --backend HOST:PORT [--backend HOST:PORT ...] [--address HOST:PORT]\n"
    "                 [--max-connections N] [--dial-timeout TIME] [--idle-timeout TIME] [--grace TIME]\n"
    "  --backend HOST:PORT    a server to pass connections to; of several each has its turn, and who cannot\n"
    "                         be reached is passed over\n"
    "  --address HOST:PORT    where to listen (default: 127.0.0.1:9000); port 0 lets the kernel choose\n"
    "  --max-connections N    further ones wait until one ends (default: 1000)\n"
    "  --dial-timeout TIME    for a server to answer (default: 2s)\n"
    "  --idle-timeout TIME    for connections in which nothing moves (default: 60s)\n"
    "  --grace TIME           for connections to end after SIGTERM (default: 5s)\n";

struct settings {
  std::string address = "127.0.0.1:9000";
  std::vector<std::string> backends;
  std::int64_t max_connections = 1000;
  std::chrono::milliseconds dial_timeout = 2s;
  std::chrono::milliseconds idle_timeout = 60s;
  std::chrono::milliseconds grace = 5s;
};

// When something has moved between client and server, in either direction.
class activity {
 public:
  activity(const tcp_conn& client, const tcp_conn& server, std::chrono::milliseconds idle)
      : client_(client), server_(server), idle_(idle) {
    note();
  }

  void note() { last_.store(goro::clock::now().time_since_epoch().count(), std::memory_order_relaxed); }

  // Around a write: does anybody wait for a peer to read?
  void begin_write() { writes_.fetch_add(1, std::memory_order_relaxed); }
  void end_write() { writes_.fetch_sub(1, std::memory_order_relaxed); }

  // Says once that it is closed for that.
  void tell_idle() {
    const std::lock_guard guard(looking_);
    if (std::exchange(told_, true)) return;
    std::fprintf(stderr,
                 "tcp_proxy: closed a connection in which nothing has moved; its peers have %llu bytes\n",
                 static_cast<unsigned long long>(read_));
  }

  // Looks at the peers. From when on it is idle, as far as one knows now: what they have read since the last
  // look counts as now, so one that has died in between may be kept for twice the time.
  goro::time_point look() {
    const std::lock_guard guard(looking_);
    const std::uint64_t read = example::acknowledged(client_) + example::acknowledged(server_);
    if (read != std::exchange(read_, read) && writes_.load(std::memory_order_relaxed) != 0) note();
    return goro::time_point(goro::clock::duration(last_.load(std::memory_order_relaxed))) + idle_;
  }

 private:
  const tcp_conn& client_;
  const tcp_conn& server_;
  const std::chrono::milliseconds idle_;
  std::atomic<goro::clock::rep> last_{0};
  std::atomic<int> writes_{0};
  goro::mutex looking_;
  std::uint64_t read_ = 0;  // by the peers, at the last look
  bool told_ = false;
};

// After a deadline has rung: true if it was too early, and has been moved.
bool goes_on(activity& moved, tcp_conn& conn, std::error_code (tcp_conn::*set)(goro::time_point)) {
  const goro::time_point end = moved.look();
  if (end <= goro::clock::now()) {
    moved.tell_idle();
    return false;
  }
  return !(conn.*set)(end);
}

bool write_all(tcp_conn& to, std::span<const std::byte> bytes, activity& moved) {
  moved.begin_write();
  const goro::scope_exit leave([&moved] { moved.end_write(); });
  for (;;) {
    const auto [n, err] = to.write(bytes);
    if (!err) {
      moved.note();
      return true;
    }
    bytes = bytes.subspan(n);
    if (err != goro::errc::timed_out || !goes_on(moved, to, &tcp_conn::set_write_deadline)) return false;
  }
}

// Copies to the end of the stream, and passes that on. False if it ends in another way.
bool copy(tcp_conn& from, tcp_conn& to, activity& moved) {
  std::vector<std::byte> buffer(std::size_t{64} << 10);
  for (;;) {
    const auto [n, err] = from.read(buffer);
    if (err == goro::errc::timed_out && goes_on(moved, from, &tcp_conn::set_read_deadline)) continue;
    if (err) return false;
    moved.note();
    if (n == 0) return !to.close_write();
    if (!write_all(to, std::span(buffer).first(n), moved)) return false;
  }
}

// Both directions, until both have ended, or one has failed.
void relay(tcp_conn client, tcp_conn server, std::chrono::milliseconds idle, const goro::context& ended) {
  const goro::net::cancel_guard client_guard(ended, client);
  const goro::net::cancel_guard server_guard(ended, server);
  activity moved(client, server, idle);
  const goro::time_point end = moved.look();
  static_cast<void>(client.set_deadline(end));
  static_cast<void>(server.set_deadline(end));
  const auto direction = [&](tcp_conn& from, tcp_conn& to) {
    if (copy(from, to, moved)) return;
    static_cast<void>(client.close());
    static_cast<void>(server.close());
  };
  goro::wait_group back;
  back.go([&] { direction(server, client); });
  direction(client, server);
  back.wait();
}

// The servers, each of which has its turn.
class pool {
 public:
  pool(std::vector<std::string> all, std::chrono::milliseconds timeout)
      : all_(std::move(all)), timeout_(timeout) {}

  // A connection to the next one that can be reached.
  goro::result<tcp_conn> dial(const goro::context& ctx) {
    const std::size_t first = next_.fetch_add(1, std::memory_order_relaxed);
    std::error_code err;
    for (std::size_t i = 0; i != all_.size() && !ctx.err(); ++i) {
      const std::string& address = all_[(first + i) % all_.size()];
      const auto limited = goro::with_timeout(ctx, timeout_);
      auto conn = goro::net::dial(limited.ctx, address);
      if (conn) return conn;
      err = conn.error();
      std::fprintf(stderr, "tcp_proxy: %s: %s\n", address.c_str(), err.message().c_str());
    }
    return goro::fail(err ? err : ctx.err());
  }

 private:
  const std::vector<std::string> all_;
  const std::chrono::milliseconds timeout_;
  std::atomic<std::size_t> next_{0};
};

int serve(const settings& set) {
  auto listener = goro::net::listen(set.address);
  if (!listener) {
    std::fprintf(stderr, "tcp_proxy: cannot listen on %s: %s\n", set.address.c_str(),
                 listener.error().message().c_str());
    return 1;
  }
  const auto stopping = goro::notify_context(goro::background(), {SIGTERM, SIGINT});
  const auto ended = goro::with_cancel(goro::background());
  pool backends(set.backends, set.dial_timeout);
  goro::semaphore places(set.max_connections);
  goro::wait_group relays;
  std::atomic<std::size_t> served{0};

  example::announce(*listener);
  example::accept_clients(*listener, places, stopping.ctx, [&](tcp_conn client) {
    relays.go([&, c = std::move(client)]() mutable {
      const goro::scope_exit leave([&] { places.release(); });
      auto server = backends.dial(ended.ctx);
      if (!server) return;
      served.fetch_add(1, std::memory_order_relaxed);
      relay(std::move(c), std::move(*server), set.idle_timeout, ended.ctx);
    });
  });

  static_cast<void>(listener->close());
  const bool all_ended = relays.wait_for(set.grace);
  ended.cancel();
  relays.wait();
  std::printf("stopped after %zu connections%s\n", served.load(), all_ended ? "" : ", some of them cut off");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  settings set;
  std::string backend;
  const auto read_backend = [&set, &backend](std::string_view text) {
    const std::string wrong = example::host_port(backend)(text);
    if (wrong.empty()) set.backends.push_back(backend);
    return wrong;
  };
  const std::array options{
      example::option{"--backend", read_backend},
      example::option{"--address", example::host_port(set.address)},
      example::option{"--max-connections", example::number<std::int64_t>(set.max_connections, 1, 1'000'000)},
      example::option{"--dial-timeout", example::duration(set.dial_timeout)},
      example::option{"--idle-timeout", example::duration(set.idle_timeout)},
      example::option{"--grace", example::duration(set.grace)},
  };
  if (const auto code = example::read_arguments(argc, argv, k_usage, options)) return *code;
  if (set.backends.empty()) {
    std::fprintf(stderr, "at least one --backend is needed\n%s", k_usage);
    return 2;
  }
  return goro::run([&set] { return serve(set); });
}
