// goro-bench-load puts an echo or HTTP server on the loopback under load and prints one line,
// "requests=N req_per_s=R p50_us=A p99_us=B max_us=C", with " server_cpu_s=S" when it started the server.
//
// One thread, level-triggered epoll, one request in flight on each connection: the next one is sent when the
// reply is complete and right. Time runs from the first request, after all connections stand, and the CPU
// time is the server's between the same two moments. An echo message is 64 bytes that no other request of the
// run has, so that a reply of another connection or of an earlier request is wrong. A wrong reply, a
// connection that the server closes, a server that does not accept within 10 s and a run without replies end
// the program with exit code 1.
//
// The latencies are those of the replies that came; max also takes in what still waits at the end, or a
// connection that starves would not show.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "server_process.hpp"

namespace load {
namespace {

using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr std::string_view k_request = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
constexpr std::string_view k_body = "Hello, World!";
constexpr auto k_patience = 10s;  // with a server that starts on a machine that is busy

struct connection {
  int fd = -1;
  std::uint64_t id = 0;  // of the request in flight
  std::size_t used = 0;  // bytes of the reply
  clock::time_point sent;
  std::array<char, 512> reply;  // net/http's has 130 bytes

  std::string_view text() const { return {reply.data(), used}; }
};

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

// Latencies by size, with 7 significant bits: exact to 1 %, and small enough to stay in the cache.
class histogram {
 public:
  void add(nanoseconds t) {
    const auto ns = static_cast<std::uint64_t>(t.count());
    const int shift = std::max(0, static_cast<int>(std::bit_width(ns)) - 8);
    ++bins_[static_cast<std::size_t>(shift) * 128 + (ns >> shift)];
    ++count_;
  }

  std::uint64_t count() const { return count_; }

  double quantile_us(double q) const {
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < bins_.size(); ++i) {
      below += bins_[i];
      if (static_cast<double>(below) < q * static_cast<double>(count_)) continue;
      const std::size_t shift = i < 256 ? 0 : i / 128 - 1;
      return static_cast<double>((i - shift * 128) << shift) / 1e3;
    }
    return 0;
  }

 private:
  std::array<std::uint64_t, std::size_t{58} * 128> bins_{};
  std::uint64_t count_ = 0;
};

// ---- requests and replies -------------------------------------------------------------------------

enum class verdict { incomplete, right, wrong };

using message = std::array<std::uint64_t, 8>;

message echo_message(std::uint64_t id) {
  message m{};
  for (std::uint64_t& word : m) word = id++ * 0x9e3779b97f4a7c15;  // spreads the id over all bytes
  return m;
}

verdict check_echo(const connection& c) {
  const message wanted = echo_message(c.id);
  if (c.used < sizeof wanted) return verdict::incomplete;
  const bool right = c.used == sizeof wanted && std::memcmp(c.reply.data(), &wanted, sizeof wanted) == 0;
  return right ? verdict::right : verdict::wrong;
}

verdict check_http(const connection& c) {
  const std::string_view text = c.text();
  const std::size_t end = text.find("\r\n\r\n");
  if (end == text.npos) return text.size() == c.reply.size() ? verdict::wrong : verdict::incomplete;
  const bool right_head = text.starts_with("HTTP/1.1 200 OK\r\n") &&
                          text.substr(0, end + 2).find("\r\nContent-Length: 13\r\n") != text.npos;
  const std::string_view body = text.substr(end + 4);
  if (right_head && body.size() < k_body.size()) return verdict::incomplete;
  return right_head && body == k_body ? verdict::right : verdict::wrong;
}

// ---- the client -----------------------------------------------------------------------------------

// One attempt; no descriptor when nobody listens yet.
std::optional<int> try_connect(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  const timeval limit{.tv_sec = k_patience.count(), .tv_usec = 0};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);  // holds for connect
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  const int error = errno;
  close(fd);
  if (error == ECONNREFUSED) return std::nullopt;
  throw std::system_error(error, std::generic_category(), "connect");
}

// Waits until the server accepts.
int connect_to(std::uint16_t port, server_process* server) {
  for (const auto end = clock::now() + k_patience; clock::now() < end;) {
    if (server != nullptr) server->check_running();
    if (const auto fd = try_connect(port)) return *fd;
    const timespec pause{.tv_sec = 0, .tv_nsec = 5'000'000};
    nanosleep(&pause, nullptr);
  }
  throw std::runtime_error("nobody accepts at port " + std::to_string(port));
}

class client {
 public:
  client(bool http, std::uint16_t port, std::size_t connections, server_process* server)
      : http_(http), epoll_(epoll_create1(EPOLL_CLOEXEC)), connections_(connections) {
    for (std::size_t i = 0; i < connections; ++i) {
      connections_[i].fd = connect_to(port, server);
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u64 = i;
      if (epoll_ctl(epoll_, EPOLL_CTL_ADD, connections_[i].fd, &event) != 0) fail("epoll_ctl");
    }
  }

  void run(std::chrono::duration<double> time) {
    const auto start = clock::now();
    const auto end = start + std::chrono::duration_cast<nanoseconds>(time);
    for (connection& c : connections_) send_request(c, clock::now());
    while (clock::now() < end) turn();
    const auto now = clock::now();
    for (const connection& c : connections_) longest_ = std::max(longest_, nanoseconds(now - c.sent));
    elapsed_ = now - start;
  }

  void print() const {
    const auto n = static_cast<double>(latencies_.count());
    std::printf("requests=%.0f req_per_s=%.0f p50_us=%.1f p99_us=%.1f max_us=%.1f", n, n / elapsed_.count(),
                latencies_.quantile_us(.5), latencies_.quantile_us(.99),
                std::chrono::duration<double, std::micro>(longest_).count());
  }

  bool any_reply() const { return latencies_.count() > 0; }

 private:
  void turn() {
    std::array<epoll_event, 256> events{};
    const int n = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 10);
    if (n < 0 && errno != EINTR) fail("epoll_wait");
    for (int i = 0; i < n; ++i) receive(connections_[events[static_cast<std::size_t>(i)].data.u64]);
  }

  void receive(connection& c) {
    const ssize_t n = recv(c.fd, c.reply.data() + c.used, c.reply.size() - c.used, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n < 0) fail("read");
    if (n == 0) throw std::runtime_error("the server has closed a connection");
    c.used += static_cast<std::size_t>(n);
    const verdict v = http_ ? check_http(c) : check_echo(c);
    if (v == verdict::incomplete) return;
    if (v == verdict::wrong) throw std::runtime_error("wrong reply: " + std::string(c.text()));
    const auto now = clock::now();
    latencies_.add(now - c.sent);
    longest_ = std::max(longest_, nanoseconds(now - c.sent));
    send_request(c, now);
  }

  void send_request(connection& c, clock::time_point now) {
    c.id = ++last_id_;
    c.used = 0;
    c.sent = now;
    if (http_) {
      send_all(c.fd, k_request.data(), k_request.size());
    } else {
      const message m = echo_message(c.id);
      send_all(c.fd, m.data(), sizeof m);
    }
  }

  static void send_all(int fd, const void* data, std::size_t size) {
    const ssize_t n = send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) fail("write");
    if (n != static_cast<ssize_t>(size)) throw std::runtime_error("a socket is full");
  }

  bool http_;
  int epoll_;
  std::vector<connection> connections_;
  histogram latencies_;
  nanoseconds longest_{};
  std::chrono::duration<double> elapsed_{};
  std::uint64_t last_id_ = 0;
};

// ---- the command ----------------------------------------------------------------------------------

template <class T>
bool parse(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value > T{};
}

int usage() {
  std::fputs(
      "usage: goro-bench-load echo|http CONNECTIONS SECONDS PORT\n"
      "       goro-bench-load echo|http CONNECTIONS SECONDS SERVER ARG…   (@PORT in ARG: a free port)\n",
      stderr);
  return 2;
}

void replace_port(std::string& arg, std::uint16_t port) {
  constexpr std::string_view k_mark = "@PORT";
  const std::size_t at = arg.find(k_mark);
  if (at != arg.npos) arg.replace(at, k_mark.size(), std::to_string(port));
}

// A connection is a descriptor here and one in the server, which inherits the limit.
void raise_descriptor_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int run(const std::vector<std::string>& args) {
  std::size_t connections = 0;
  double seconds = 0;
  if (args.size() < 4 || (args[0] != "echo" && args[0] != "http") || !parse(args[1], connections) ||
      !parse(args[2], seconds)) {
    return usage();
  }
  raise_descriptor_limit();
  std::vector<std::string> command(args.begin() + 3, args.end());
  std::optional<server_process> server;
  std::uint16_t port = 0;
  if (command.size() > 1 || !parse(command[0], port)) {
    port = free_port();
    for (std::string& arg : command) replace_port(arg, port);
    server.emplace(command);
  }
  client c(args[0] == "http", port, connections, server ? &*server : nullptr);
  const double before = server ? server->cpu_seconds() : 0;
  c.run(std::chrono::duration<double>(seconds));
  const double after = server ? server->cpu_seconds() : 0;
  if (server) server->check_running();
  if (!c.any_reply()) throw std::runtime_error("no reply");
  c.print();
  if (server) std::printf(" server_cpu_s=%.3f", after - before);
  std::printf("\n");
  return 0;
}

}  // namespace
}  // namespace load

int main(int argc, char** argv) {
  try {
    return load::run({argv + 1, argv + argc});
  } catch (const std::exception& e) {
    std::fprintf(stderr, "goro-bench-load: %s\n", e.what());
    return 1;
  }
}
