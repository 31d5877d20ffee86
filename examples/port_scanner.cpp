// Which ports of a host accept connections?
//
//   port_scanner --ports 1-1024
//
// One goroutine for each port, of which a task_group lets only so many run at once; each gives up after its
// timeout, through a context, and all of them at SIGINT. A host other than this machine is scanned only with
// --allow-remote: ask its owner first.
//
// Exit code 0: all were tried. 1: the host is not known, or it was interrupted. 2: wrong usage.

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <system_error>

#include <goro/goro.hpp>
#include <goro/net.hpp>
#include <goro/signal.hpp>

#include "common/command_line.hpp"

namespace {

using namespace std::chrono_literals;

constexpr const char* k_usage =
    "usage: port_scanner [--host HOST] [--ports FIRST-LAST] [--parallel N] [--timeout TIME] "
    "[--allow-remote]\n"
    "  --host HOST         whose ports (default: 127.0.0.1)\n"
    "  --ports FIRST-LAST  which of them, or just one (default: 1-1024)\n"
    "  --parallel N        how many at once (default: 200)\n"
    "  --timeout TIME      for one port (default: 500ms)\n"
    "  --allow-remote      also other hosts than this one\n";

struct settings {
  std::string host = "127.0.0.1";
  std::uint16_t first = 1;
  std::uint16_t last = 1024;
  std::int64_t parallel = 200;
  std::chrono::milliseconds timeout = 500ms;
  bool allow_remote = false;
};

struct findings {
  goro::mutex guard;
  // The rest is guarded by it.
  std::set<std::uint16_t> open;
  std::size_t refused = 0;
  std::size_t silent = 0;  // no answer in time: something drops what is sent there
  std::size_t failed = 0;
  std::error_code failure;  // the last of them

  void note(std::uint16_t port, std::error_code err) {
    const std::lock_guard held(guard);
    if (!err) {
      open.insert(port);
    } else if (err == std::errc::connection_refused) {
      ++refused;
    } else if (err == goro::errc::timed_out) {
      ++silent;
    } else {
      ++failed;
      failure = err;
    }
  }
};

bool is_loopback(const goro::net::endpoint& e) {
  return e.is_v6() ? e.address() == "::1" : e.address().starts_with("127.");
}

std::string read_ports(settings& set, std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto first = example::to_number<std::uint16_t>(text.substr(0, dash));
  const auto last =
      dash == std::string_view::npos ? first : example::to_number<std::uint16_t>(text.substr(dash + 1));
  if (!first || !last || *first == 0 || *first > *last) return "is no range of ports such as 1-1024";
  set.first = *first;
  set.last = *last;
  return {};
}

std::error_code try_port(const goro::context& ctx, const goro::net::endpoint& at,
                         std::chrono::milliseconds timeout) {
  const auto limited = goro::with_timeout(ctx, timeout);
  const auto conn = goro::net::dial(limited.ctx, to_string(at));
  if (!conn) return conn.error();
  // The kernel may choose the very port that is looked for as the one to come from: it then talks to itself.
  if (conn->local() == conn->remote()) return std::make_error_code(std::errc::connection_refused);
  return {};
}

void scan(const goro::context& ctx, const goro::net::endpoint& host, const settings& set, findings& found) {
  goro::task_group ports(ctx);
  ports.set_limit(set.parallel);
  for (std::uint32_t port = set.first; port <= set.last && !ctx.err(); ++port) {
    ports.go([&found, &set, at = host.with_port(static_cast<std::uint16_t>(port))](
                 const goro::context& inner) { found.note(at.port(), try_port(inner, at, set.timeout)); });
  }
  // None of the functions fails: a port that is closed is an answer.
  static_cast<void>(ports.wait());
}

int run(const settings& set) {
  const auto interrupted = goro::notify_context(goro::background(), {SIGTERM, SIGINT});
  const auto addresses = goro::net::resolve(interrupted.ctx, set.host);
  if (!addresses || addresses->empty()) {
    std::fprintf(stderr, "port_scanner: %s: %s\n", set.host.c_str(), addresses.error().message().c_str());
    return 1;
  }
  const goro::net::endpoint host = addresses->front();
  if (!is_loopback(host) && !set.allow_remote) {
    std::fprintf(stderr, "port_scanner: %s is not this machine; --allow-remote scans it all the same\n",
                 host.address().c_str());
    return 2;
  }
  findings found;
  scan(interrupted.ctx, host, set, found);
  for (const std::uint16_t port : found.open) std::printf("open %u\n", port);
  std::printf("%zu open, %zu refused, %zu silent, %zu failed\n", found.open.size(), found.refused,
              found.silent, found.failed);
  if (found.failed != 0) {
    std::fprintf(stderr, "port_scanner: the last failure: %s\n", found.failure.message().c_str());
  }
  return interrupted.ctx.err() ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  settings set;
  const auto read_host = [&set](std::string_view text) {
    set.host = text;
    return text.empty() ? std::string("is no host") : std::string();
  };
  const std::array options{
      example::option{"--host", read_host},
      example::option{"--ports", [&set](std::string_view text) { return read_ports(set, text); }},
      example::option{"--parallel", example::number<std::int64_t>(set.parallel, 1, 10'000)},
      example::option{"--timeout", example::duration(set.timeout)},
      example::flag("--allow-remote", set.allow_remote),
  };
  if (const auto code = example::read_arguments(argc, argv, k_usage, options)) return *code;
  return goro::run([&set] { return run(set); });
}
