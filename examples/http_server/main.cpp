// An HTTP server: a goroutine for each connection, straight-line code over Boost.Beast.
//
//   http_server --address 127.0.0.1:8080 --root some/folder
//   curl -v http://127.0.0.1:8080/api/stats
//
// Everything of interest is in ../web: server.cpp (accepting and the graceful shutdown), http_session.hpp
// (one connection, its limits of time and memory), site.cpp and static_files.cpp (what is answered).
#include <cstdio>
#include <exception>
#include <utility>

#include <goro/goro.hpp>

#include "../web/http_session.hpp"
#include "../web/site.hpp"

int main(int argc, char** argv) {
  int code = 0;
  const auto options = web::parse(argc, argv, code);
  if (!options) return code;
  try {
    const web::service service{.answer = web::site(options->root), .limits = *options};
    return goro::run([&] {
      return web::serve(*options, [&](goro::net::tcp_conn conn, const web::lifetime& life) {
        web::patient_stream stream(std::move(conn));
        web::http_session(stream, life, service).run();
      });
    });
  } catch (const std::exception& e) {
    std::fprintf(stderr, "http_server: %s\n", e.what());
    return 1;
  }
}
