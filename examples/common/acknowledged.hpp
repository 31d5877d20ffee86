// How much of what was written has arrived at the peer.
#pragma once

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>

#include <goro/net.hpp>

namespace example {

// Bytes, since the connection was made. They grow while a slow reader reads, though the kernel, which queues
// megabytes, takes more only when a third of that is free. In steps: the peer's kernel, when its own queue
// was full, tells that there is room once up to half of that is free. (Read at 100 KB in a second: every
// second with a queue of 64 KB, every 2.6 with one of 128.) That queue grows to 6 MB as Linux comes, so a
// time limit of seconds can still be too short for a slow reader.
inline std::uint64_t acknowledged(const goro::net::tcp_conn& conn) {
  tcp_info info{};
  socklen_t size = sizeof info;
  const bool known = ::getsockopt(conn.native_handle(), IPPROTO_TCP, TCP_INFO, &info, &size) == 0;
  return known ? info.tcpi_bytes_acked : 0;
}

}  // namespace example
