// The loop of a server that has room for so many clients at once.
#pragma once

#include <chrono>
#include <cstdio>
#include <utility>

#include <goro/context.hpp>
#include <goro/net.hpp>
#include <goro/semaphore.hpp>
#include <goro/time.hpp>

namespace example {

// Hands each client to serve(), which gives its place back when it has gone; until the context ends.
void accept_clients(goro::net::tcp_listener& listener, goro::semaphore& places, const goro::context& stopping,
                    const auto& serve) {
  constexpr auto k_until_one_leaves = std::chrono::milliseconds(100);
  const goro::net::cancel_guard guard(stopping, listener);
  // The place first: who finds none waits in the kernel's queue, and costs nothing.
  while (!places.acquire(stopping)) {
    auto conn = listener.accept();
    if (conn) {
      serve(std::move(*conn));
      continue;
    }
    places.release();
    if (conn.error() == goro::errc::canceled || conn.error() == goro::errc::closed) return;
    std::fprintf(stderr, "accept: %s\n", conn.error().message().c_str());
    goro::sleep_for(k_until_one_leaves);  // out of descriptors
  }
}

}  // namespace example
