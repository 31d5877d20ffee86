// A connection whose writes wait for slow clients, but not for those who have stopped to read.
#pragma once

#include <chrono>
#include <cstddef>

#include <boost/asio/error.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <goro/asio.hpp>
#include <goro/goro.hpp>

#include "../common/send_queue.hpp"

namespace web {

class patient_stream : public goro::net::asio_stream {
 public:
  using asio_stream::asio_stream;

  // Times out when nothing has gone to the client for k_write_timeout.
  template <class Buffers>
  std::size_t write_some(const Buffers& buffers, boost::system::error_code& ec) {
    for (;;) {
      const std::size_t before = example::unacknowledged(conn());
      static_cast<void>(conn().set_write_deadline(goro::clock::now() + k_write_timeout));
      const std::size_t n = asio_stream::write_some(buffers, ec);
      if (ec != boost::asio::error::timed_out || example::unacknowledged(conn()) >= before + n) return n;
      ec = {};
      if (n != 0) return n;
    }
  }
  template <class Buffers>
  std::size_t write_some(const Buffers& buffers) {
    boost::system::error_code ec;
    const std::size_t n = write_some(buffers, ec);
    if (ec) throw boost::system::system_error(ec);
    return n;
  }

 private:
  static constexpr std::chrono::seconds k_write_timeout{10};
};

}  // namespace web
