// A chat over WebSockets: rooms, a channel for each client, and no mercy for slow ones.
//
//   websocket_chat --address 127.0.0.1:8080      and a browser at http://127.0.0.1:8080/
//
// client.cpp has one client, hub.cpp the rooms; the page and the handshake come in over ../web.
#include <cstdio>
#include <exception>
#include <utility>

#include <goro/goro.hpp>

#include "../web/http_session.hpp"
#include "client.hpp"
#include "page.hpp"

namespace {

web::response page(const web::request& r, const goro::context&) {
  if (r.target() != "/") return web::text(web::http::status::not_found, "there is only one page\n");
  return web::text(web::http::status::ok, chat::k_page, "text/html; charset=utf-8");
}

}  // namespace

int main(int argc, char** argv) {
  int code = 0;
  const auto options = web::parse(argc, argv, code);
  if (!options) return code;
  try {
    const web::service service{.answer = page, .limits = *options, .upgrades = true};
    chat::hub rooms;
    return goro::run([&] {
      return web::serve(*options, [&](goro::net::tcp_conn conn, const web::lifetime& life) {
        web::patient_stream stream(std::move(conn));
        const auto upgrade = web::http_session(stream, life, service).run();
        if (upgrade) chat::talk(std::move(stream), *upgrade, rooms, life);
      });
    });
  } catch (const std::exception& e) {
    std::fprintf(stderr, "websocket_chat: %s\n", e.what());
    return 1;
  }
}
