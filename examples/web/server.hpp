// Accepts connections until SIGTERM or SIGINT, and lets what is under way come to its end.
#pragma once

#include <functional>

#include <goro/context.hpp>
#include <goro/net.hpp>

#include "options.hpp"

namespace web {

// What a connection has to know about the end of the server.
struct lifetime {
  goro::context stop;  // begin nothing new
  goro::context end;   // give up what still runs: the time for it is over
};

// Listens, says "listening on ADDRESS", and has each connection dealt with by talk() in a goroutine of its
// own. Returns the program's exit code: 0 if all of them came to their own end.
//
//   1. A signal ends `stop`. Who waits for a next request hears of it (http_session.hpp).
//   2. What the kernel had connected by then is still accepted; then the listener is closed.
//   3. When all have ended, or the grace is over, the server ends. A second signal ends it at once.
int serve(const options& o, const std::function<void(goro::net::tcp_conn, const lifetime&)>& talk);

}  // namespace web
