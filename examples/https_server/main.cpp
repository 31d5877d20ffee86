// The site of http_server over TLS: the same code, with an ssl::stream between it and the connection.
//
//   https_server --address 127.0.0.1:8443 --root some/folder --write-cert /tmp/cert.pem
//   curl -v --cacert /tmp/cert.pem https://localhost:8443/api/stats
#include <chrono>
#include <cstdio>
#include <exception>
#include <utility>

#include <boost/asio/ssl/stream.hpp>

#include <goro/goro.hpp>

#include "../web/http_session.hpp"
#include "../web/site.hpp"
#include "certificate.hpp"

namespace {

using tls_stream = boost::asio::ssl::stream<web::patient_stream>;

constexpr std::chrono::seconds k_handshake_timeout{5};

void talk(goro::net::tcp_conn conn, boost::asio::ssl::context& tls, const web::lifetime& life,
          const web::service& service) {
  tls_stream stream(web::patient_stream(std::move(conn)), tls);
  auto& below = stream.next_layer().conn();
  boost::system::error_code ec;
  {
    const goro::net::cancel_guard end(life.end, below);
    static_cast<void>(below.set_deadline(goro::clock::now() + k_handshake_timeout));
    static_cast<void>(stream.handshake(tls_stream::server, ec));  // the error is in ec
  }
  if (!ec) web::http_session(stream, life, service).run();
}

}  // namespace

int main(int argc, char** argv) {
  int code = 0;
  const auto options = web::parse(argc, argv, code);
  if (!options) return code;
  try {
    const web::service service{.answer = web::site(options->root), .limits = *options};
    auto tls = server_context(*options);
    return goro::run([&] {
      return web::serve(*options, [&](goro::net::tcp_conn conn, const web::lifetime& life) {
        talk(std::move(conn), tls, life, service);
      });
    });
  } catch (const std::exception& e) {
    std::fprintf(stderr, "https_server: %s\n", e.what());
    return 1;
  }
}
