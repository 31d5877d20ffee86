#include "ecosystem/clients/http_server.hpp"

#include <array>
#include <cctype>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace goro_test {

namespace {

// Appends what comes; false at the end of the stream, and after an error.
bool read_more(goro::net::tcp_conn& conn, std::string& buffer) {
  std::array<char, 8192> part;
  const auto [n, err] = conn.read(std::as_writable_bytes(std::span(part)));
  buffer.append(part.data(), n);
  return !err && n != 0;
}

std::size_t content_length(std::string_view head) {
  constexpr std::string_view k_name = "\r\nContent-Length: ";  // as libcurl writes it
  const std::size_t at = head.find(k_name);
  return at == head.npos ? 0 : std::stoul(std::string(head.substr(at + k_name.size(), 10)));
}

// Takes the next request out of the stream; what has been read beyond it stays in the buffer.
std::optional<http_request> next_request(goro::net::tcp_conn& conn, std::string& buffer) {
  std::size_t end;
  while ((end = buffer.find("\r\n\r\n")) == buffer.npos) {
    if (!read_more(conn, buffer)) return {};
  }
  end += 4;
  const std::size_t size = content_length(std::string_view(buffer).substr(0, end));
  while (buffer.size() < end + size) {
    if (!read_more(conn, buffer)) return {};
  }
  const std::size_t target = buffer.find(' ') + 1;
  http_request request{buffer.substr(target, buffer.find(' ', target) - target), buffer.substr(end, size)};
  buffer.erase(0, end + size);
  return request;
}

}  // namespace

http_server::http_server(std::function<std::string(const http_request&)> handler)
    : handler_(std::move(handler)), listener_(goro::net::listen("127.0.0.1:0").value()) {
  ended_.go([this] { accept_all(); });
}

http_server::~http_server() {
  listener_.close();
  ended_.wait();
}

void http_server::accept_all() {
  while (auto conn = listener_.accept()) {
    ended_.go([this, c = std::move(*conn)]() mutable { serve(c); });
  }
}

void http_server::serve(goro::net::tcp_conn& conn) const {
  std::string buffer;
  while (const auto request = next_request(conn, buffer)) {
    const std::string body = handler_(*request);
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    if (!conn.write(head + body)) return;
  }
}

}  // namespace goro_test
