// What a server has written, and its client has not got yet.
#pragma once

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <cstddef>

#include <goro/net.hpp>

namespace example {

// Bytes that the peer has not acknowledged. The kernel queues megabytes, and takes more only when a third of
// that is free: who reads 100 KB in a second then seems to take nothing for ten, but this becomes less, in
// steps that acknowledged.hpp tells of.
inline std::size_t unacknowledged(const goro::net::stream_conn& conn) {
  int n = 0;
  return ::ioctl(conn.native_handle(), SIOCOUTQ, &n) == 0 ? static_cast<std::size_t>(n) : 0;
}

}  // namespace example
