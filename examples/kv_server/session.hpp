// One client of the server.
#pragma once

#include <chrono>
#include <cstddef>

#include <goro/context.hpp>
#include <goro/net.hpp>

#include "store.hpp"

namespace kv {

struct session_settings {
  std::chrono::milliseconds write_timeout{30'000};  // of a client that takes no answers
};

// Serves it until it leaves, says what makes no sense, or the server shuts down: when `stopping` is done what
// has been read is still answered; when `ended` is, everything stops.
void serve(goro::net::tcp_conn conn, store& s, const session_settings& settings,
           const goro::context& stopping, const goro::context& ended);

}  // namespace kv
