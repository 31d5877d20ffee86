// As much of an HTTP server as a test needs: a goroutine for each connection, requests with Content-Length,
// connections that are kept.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <goro/goro.hpp>
#include <goro/net.hpp>

namespace goro_test {

struct http_request {
  std::string target;
  std::string body;
};

class http_server {
 public:
  // handler makes the body of the answer; several goroutines call it at once, and it may wait. Listens on a
  // loopback port that the kernel chooses.
  explicit http_server(std::function<std::string(const http_request&)> handler);
  // Waits until the clients have closed their connections.
  ~http_server();
  http_server(const http_server&) = delete;
  http_server& operator=(const http_server&) = delete;

  std::uint16_t port() const { return listener_.local().port(); }

 private:
  void accept_all();
  void serve(goro::net::tcp_conn& conn) const;

  const std::function<std::string(const http_request&)> handler_;
  goro::net::tcp_listener listener_;
  goro::wait_group ended_;
};

}  // namespace goro_test
