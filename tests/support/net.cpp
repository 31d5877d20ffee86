#include "support/net.hpp"

#include <cerrno>
#include <thread>

#include <goro/goro.hpp>

namespace goro_test {

void warm_up_poller() {
  const std::size_t before = goro::goroutine_count();
  auto ends = goro::net::file_conn::pipe().value();
  in_goroutine([&] {
    go_named("warming up", [&] { EXPECT_EQ(ends.second.write("x").n, 1U); });
    EXPECT_EQ(read_text(ends.first, 1), "x");
  });
  eventually([&] { return goro::goroutine_count() <= before; });
}

void everywhere(const std::function<void()>& body) {
  in_goroutine(body);
  std::jthread(body).join();
}

bool has_ipv6() {
  static const bool has = goro::net::listen("[::1]:0").has_value();
  return has;
}

std::vector<std::string> loopbacks() {
  std::vector<std::string> all{"127.0.0.1:0"};
  if (has_ipv6()) all.emplace_back("[::1]:0");
  return all;
}

goro::result<goro::net::tcp_conn> dial_to(const goro::net::tcp_listener& l) {
  return goro::net::dial(goro::background(), to_string(l.local()));
}

tcp_pair connected(std::string_view address) {
  auto listener = goro::net::listen(address).value();
  auto client = dial_to(listener).value();
  auto server = listener.accept().value();
  return {std::move(client), std::move(server)};
}

std::size_t fill(int fd) {
  const std::string block = pattern(65536);
  std::size_t total = 0;
  // Smaller and smaller: the last free byte counts.
  for (std::size_t size = block.size(); size != 0;) {
    const ssize_t n = ::send(fd, block.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) {
      total += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN) {
      size /= 2;
    } else {
      break;
    }
  }
  return total;
}

const std::string& too_much() {
  static const std::string text(std::size_t{30} << 20, 'x');
  return text;
}

void reset_on_close(int fd) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  EXPECT_EQ(::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
}

std::string read_text(goro::net::conn& c, std::size_t n) {
  std::string text(n, '\0');
  const goro::io_result r = c.read_full(bytes_of(text));
  text.resize(r.n);
  return text;
}

std::string read_all(goro::net::conn& c) {
  std::string all;
  std::string part(65536, '\0');
  for (;;) {
    const goro::io_result r = c.read(bytes_of(part));
    all.append(part, 0, r.n);
    if (r.err || r.n == 0) return all;
  }
}

goro::io_result read_one(goro::net::conn& c) {
  std::string text(1, '\0');
  return c.read(bytes_of(text));
}

std::string pattern(std::size_t n, unsigned seed) {
  std::string text(n, '\0');
  for (std::size_t i = 0; i != n; ++i) text[i] = static_cast<char>((i + seed) * 2654435761U >> 13);
  return text;
}

}  // namespace goro_test
