// Servers for a load generator; they run until they are ended.
#include <array>
#include <cstring>
#include <goro/goro.hpp>
#include <goro/net.hpp>
#include <span>
#include <string>

#include "bench.hpp"

namespace bench {
namespace {

namespace net = goro::net;

constexpr std::string_view k_reply =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";

// Accepts on the loopback port and runs handle in one goroutine for each connection.
void serve(void (*handle)(net::tcp_conn)) {
  auto listener = net::listen("127.0.0.1:" + std::to_string(port())).value();
  while (auto conn = listener.accept()) goro::go(handle, std::move(*conn));
}

// Writes back what it reads.
void echo_server() {
  serve([](net::tcp_conn c) {
    std::array<std::byte, 4096> buffer;
    for (;;) {
      const auto r = c.read(buffer);
      if (!r || r.n == 0 || !c.write(std::span(buffer).first(r.n))) return;
    }
  });
}

// Answers each header block that ends in a blank line with a fixed reply.
void raw_http() {
  serve([](net::tcp_conn c) {
    std::array<std::byte, 4096> buffer;
    std::size_t used = 0;
    while (used < buffer.size()) {
      const auto r = c.read(std::span(buffer).subspan(used));
      if (!r || r.n == 0) return;
      used += r.n;
      for (;;) {
        const std::string_view text(reinterpret_cast<const char*>(buffer.data()), used);
        const std::size_t end = text.find("\r\n\r\n");
        if (end == text.npos) break;
        used -= end + 4;
        std::memmove(buffer.data(), buffer.data() + end + 4, used);
        if (!c.write(k_reply)) return;
      }
    }
  });
}

constexpr std::array k_workloads{workload{"echo", echo_server}, workload{"http", raw_http}};

}  // namespace

std::span<const workload> net_workloads() { return k_workloads; }

}  // namespace bench
