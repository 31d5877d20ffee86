// One client of the chat, from its handshake to its end.
#pragma once

#include <string>

#include <goro/asio.hpp>

#include "../web/message.hpp"
#include "../web/server.hpp"
#include "hub.hpp"

namespace chat {

// Returns when the client is gone, or the server ends.
void talk(goro::net::asio_stream stream, const web::request& upgrade, hub& rooms, const web::lifetime& life);

}  // namespace chat
