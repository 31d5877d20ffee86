// goro-bench-epoll-server echo|http PORT: what the kernel lets a server of one thread do, the yardstick for
// goro's servers (bench/net.cpp), which make the same system calls for each request and schedule besides.
//
// One loop over level-triggered epoll. Echo has no state at all, HTTP four bytes for each connection. A reply
// that the socket does not take at once ends the connection: the load program has one short request in flight
// on each, so that its socket is never full.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

constexpr std::string_view k_reply =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";
constexpr std::uint32_t k_blank_line = 0x0d0a0d0a;  // "\r\n\r\n", the end of a header block

class server {
 public:
  explicit server(bool http) : http_(http), epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

  bool listen_on(std::uint16_t port) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
           listen(listener_, SOMAXCONN) == 0 && watch(listener_);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events{};
    for (;;) {
      const int n = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < n; ++i) {
        const int fd = events[static_cast<std::size_t>(i)].data.fd;
        if (fd == listener_) {
          accept_one();
        } else if (!serve(fd)) {
          close(fd);
        }
      }
    }
  }

 private:
  bool watch(int fd) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    return epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
  }

  void accept_one() {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (last_four_.size() <= static_cast<std::size_t>(fd))
      last_four_.resize(static_cast<std::size_t>(fd) + 1);
    last_four_[static_cast<std::size_t>(fd)] = 0;
    if (!watch(fd)) close(fd);
  }

  // False: the connection is at its end.
  bool serve(int fd) {
    std::array<char, 4096> buffer;
    const ssize_t n = read(fd, buffer.data(), buffer.size());
    if (n <= 0) return false;
    const std::span<const char> text(buffer.data(), static_cast<std::size_t>(n));
    if (!http_) return send_all(fd, text);
    std::uint32_t& last = last_four_[static_cast<std::size_t>(fd)];
    for (const char c : text) {
      last = last << 8 | static_cast<unsigned char>(c);
      if (last == k_blank_line && !send_all(fd, k_reply)) return false;
    }
    return true;
  }

  static bool send_all(int fd, std::span<const char> text) {
    return send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }

  bool http_;
  int epoll_;
  int listener_ = -1;
  std::vector<std::uint32_t> last_four_;  // by descriptor: the last four bytes of the request
};

bool parse(std::string_view text, std::uint16_t& port) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> args(argv + 1, argv + argc);
  std::uint16_t port = 0;
  if (args.size() != 2 || (args[0] != "echo" && args[0] != "http") || !parse(args[1], port)) {
    std::fputs("usage: goro-bench-epoll-server echo|http PORT\n", stderr);
    return 2;
  }
  server s(args[0] == "http");
  if (!s.listen_on(port)) {
    std::perror("goro-bench-epoll-server: cannot listen");
    return 1;
  }
  s.run();
}
