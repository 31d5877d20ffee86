// Load for an HTTP/1.1 server, and what comes of it: requests per second, and how long they took.
//
//   load_generator --address 127.0.0.1:8080 --path / --connections 50 --duration 10s
//
// A closed loop: each connection has a goroutine that sends its next request when it has the answer to the
// last one. So a server that stands still for a second is asked nothing meanwhile, and the latencies look
// better than those of users who do not wait for each other. Hosts other than this machine need
// --allow-remote.
//
// Exit code 0: there were answers and no errors. 1: otherwise. 2: wrong usage.

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <list>
#include <string>
#include <string_view>

#include <goro/goro.hpp>
#include <goro/net.hpp>
#include <goro/signal.hpp>

#include "../common/command_line.hpp"
#include "client.hpp"

namespace {

using namespace std::chrono_literals;

constexpr const char* k_usage =
    "usage: load_generator [--address HOST:PORT] [--path PATH] [--connections N] [--duration TIME]\n"
    "                      [--timeout TIME] [--allow-remote]\n"
    "  --address HOST:PORT  the server (default: 127.0.0.1:8080)\n"
    "  --path PATH          what to ask it for (default: /)\n"
    "  --connections N      how many at once (default: 50)\n"
    "  --duration TIME      for how long, up to an hour (default: 10s)\n"
    "  --timeout TIME       for one request (default: 5s)\n"
    "  --allow-remote       also other hosts than this one\n";

struct settings {
  std::string address = "127.0.0.1:8080";
  std::string path = "/";
  std::int64_t connections = 50;
  std::chrono::milliseconds duration = 10s;
  std::chrono::milliseconds timeout = 5s;
  bool allow_remote = false;
};

std::string host_of(const std::string& address) {
  std::string host = address.substr(0, address.rfind(':'));
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  return host.empty() ? "127.0.0.1" : host;
}

bool is_loopback(const goro::net::endpoint& e) {
  return e.is_v6() ? e.address() == "::1" : e.address().starts_with("127.");
}

// Says why not, and returns false, if the server may not be asked.
bool may_ask(const settings& set, const goro::context& ctx) {
  const auto addresses = goro::net::resolve(ctx, host_of(set.address));
  if (!addresses) {
    std::fprintf(stderr, "load_generator: %s: %s\n", set.address.c_str(),
                 addresses.error().message().c_str());
    return false;
  }
  for (const goro::net::endpoint& e : *addresses) {
    if (is_loopback(e) || set.allow_remote) continue;
    std::fprintf(stderr, "load_generator: %s is not this machine; --allow-remote asks it all the same\n",
                 e.address().c_str());
    return false;
  }
  return true;
}

double ms(std::chrono::nanoseconds d) { return std::chrono::duration<double, std::milli>(d).count(); }

void print(const load::tally& all, double seconds) {
  const auto count = static_cast<double>(all.times.count());
  std::printf("%llu requests in %.2f s over %llu connections, %.1f MB of bodies\n",
              static_cast<unsigned long long>(all.times.count()), seconds,
              static_cast<unsigned long long>(all.connections), static_cast<double>(all.bytes) / 1e6);
  std::printf("requests per second: %.1f\n", count / seconds);
  std::printf("latency in ms: p50 %.3f  p90 %.3f  p99 %.3f  max %.3f\n", ms(all.times.percentile(50)),
              ms(all.times.percentile(90)), ms(all.times.percentile(99)), ms(all.times.max()));
  for (const auto& [kind, n] : all.errors) {
    std::printf("error: %llu times %s\n", static_cast<unsigned long long>(n), kind.c_str());
  }
}

int run(const settings& set) {
  const auto interrupted = goro::notify_context(goro::background(), {SIGTERM, SIGINT});
  if (!may_ask(set, interrupted.ctx)) return 1;
  const load::target target{.address = set.address,
                            .request = "GET " + set.path + " HTTP/1.1\r\nHost: " + set.address +
                                       "\r\nUser-Agent: goro-load-generator\r\n\r\n",
                            .timeout = set.timeout};
  const goro::time_point begin = goro::clock::now();
  const auto limited = goro::with_timeout(interrupted.ctx, set.duration);
  std::list<load::client> clients;
  {
    goro::wait_group running;
    for (std::int64_t i = 0; i != set.connections; ++i) {
      load::client& c = clients.emplace_back(target);
      running.go([&c, &limited] { c.run(limited.ctx); });
    }
    running.wait();
  }
  const double seconds = std::chrono::duration<double>(goro::clock::now() - begin).count();
  load::tally all;
  for (const load::client& c : clients) all.add(c.result());
  print(all, seconds);
  return all.times.count() != 0 && all.errors.empty() ? 0 : 1;
}

// It becomes part of a line: no blanks, and no end of the line.
std::string check_path(std::string_view path) {
  if (!path.starts_with('/')) return "does not begin with /";
  for (const char c : path) {
    if (c <= ' ' || c > '~') return "has characters that must be written as %XX";
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  settings set;
  const auto read_path = [&set](std::string_view text) {
    set.path = text;
    return check_path(text);
  };
  const auto read_duration = [&set](std::string_view text) {
    const std::string wrong = example::duration(set.duration)(text);
    return wrong.empty() && set.duration > 1h ? std::string("is more than an hour") : wrong;
  };
  const std::array options{
      example::option{"--address", example::host_port(set.address)},
      example::option{"--path", read_path},
      example::option{"--connections", example::number<std::int64_t>(set.connections, 1, 100'000)},
      example::option{"--duration", read_duration},
      example::option{"--timeout", example::duration(set.timeout)},
      example::flag("--allow-remote", set.allow_remote),
  };
  if (const auto code = example::read_arguments(argc, argv, k_usage, options)) return *code;
  return goro::run([&set] { return run(set); });
}
