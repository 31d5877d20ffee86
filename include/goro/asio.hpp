// Connections as streams of Boost.Asio, for libraries that are written over its synchronous streams:
// Boost.Beast (HTTP, WebSocket) and asio::ssl::stream (TLS) become straight-line code in which only the
// goroutine waits. The one header here that needs Boost (1.74 or newer, headers only). Link goro::asio.
//
//   goro::net::asio_stream stream(std::move(*conn));
//   boost::beast::flat_buffer buffer;
//   boost::beast::http::request<boost::beast::http::string_body> request;
//   boost::beast::http::read(stream, buffer, request);
//
// Only the synchronous operations are there; no io_context has to be run. Deadlines, cancel_guard and close()
// are those of conn(). What is stacked upon a stream keeps the rules of its library: a websocket::stream or
// an ssl::stream is used by one goroutine at a time, though the connection below needs no such care.
// asio::ssl calls OpenSSL between its reads and writes, never around them, so that OpenSSL's state of the
// thread (its error queue) is not seen across a switch.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <system_error>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/role.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <goro/error.hpp>
#include <goro/net.hpp>

namespace goro::net {

// The error that Asio's own sockets would give in this case: errc::closed is bad_descriptor, errc::canceled
// operation_aborted, errc::unexpected_eof eof; what the kernel says keeps its number. An error of a category
// that is not known here becomes the std::errc that it is equal to, else an input/output error.
inline boost::system::error_code to_asio(std::error_code e) {
  namespace error = boost::asio::error;
  if (!e) return {};
  if (e.category() == std::system_category()) return {e.value(), boost::system::system_category()};
  if (e.category() == std::generic_category()) return {e.value(), boost::system::generic_category()};
  if (e.category() == goro_category()) {
    switch (static_cast<errc>(e.value())) {
      case errc::closed:
        return error::bad_descriptor;
      case errc::timed_out:
        return error::timed_out;
      case errc::canceled:
        return error::operation_aborted;
      case errc::would_block:
        return error::would_block;
      case errc::unexpected_eof:
        return error::eof;
      case errc::no_such_host:
        return error::host_not_found;
      case errc::no_deadline:
        return error::operation_not_supported;
      case errc::invalid_address:
      case errc::invalid_path:
        return error::invalid_argument;
    }
  }
  const std::error_condition same = e.default_error_condition();
  const bool known = same.category() == std::generic_category();
  return {known ? same.value() : static_cast<int>(std::errc::io_error), boost::system::generic_category()};
}

namespace detail {

// Streams have to name an executor, which nothing synchronous uses. This one belongs to an io_context that
// nobody runs: Asio's system_executor would start threads at the first look at it. Never destroyed, for who
// still runs at the end of the process.
inline boost::asio::io_context& never_run() {
  static auto& context = *new boost::asio::io_context;
  return context;
}

}  // namespace detail

// A connection that is read and written as an Asio SyncReadStream and SyncWriteStream. Owns it.
class asio_stream {
 public:
  using executor_type = boost::asio::io_context::executor_type;
  using lowest_layer_type = asio_stream;

  // Of a tcp_conn or a unix_conn; ask it for its addresses before.
  explicit asio_stream(stream_conn c) noexcept : conn_(std::move(c)) {}

  stream_conn& conn() noexcept { return conn_; }
  const stream_conn& conn() const noexcept { return conn_; }

  executor_type get_executor() const noexcept { return detail::never_run().get_executor(); }
  lowest_layer_type& lowest_layer() noexcept { return *this; }
  const lowest_layer_type& lowest_layer() const noexcept { return *this; }

  // Waits for at least one byte, and reads what is there into the first buffer that is not empty; the end of
  // the stream is boost::asio::error::eof. Returns at once if all are empty.
  template <class MutableBufferSequence>
  std::size_t read_some(const MutableBufferSequence& buffers, boost::system::error_code& ec) {
    ec = {};
    const auto end = boost::asio::buffer_sequence_end(buffers);
    for (auto it = boost::asio::buffer_sequence_begin(buffers); it != end; ++it) {
      const boost::asio::mutable_buffer to(*it);
      if (to.size() != 0) return read({static_cast<std::byte*>(to.data()), to.size()}, ec);
    }
    return 0;
  }
  template <class MutableBufferSequence>
  std::size_t read_some(const MutableBufferSequence& buffers) {
    boost::system::error_code ec;
    const std::size_t n = read_some(buffers, ec);
    if (ec) throw boost::system::system_error(ec, "read_some");
    return n;
  }

  // Writes the first k_pieces buffers to their end, all with one system call if the kernel takes them. After
  // an error it returns how much it had taken.
  template <class ConstBufferSequence>
  std::size_t write_some(const ConstBufferSequence& buffers, boost::system::error_code& ec) {
    std::array<std::span<const std::byte>, k_pieces> pieces;
    std::size_t n = 0;
    const auto end = boost::asio::buffer_sequence_end(buffers);
    for (auto it = boost::asio::buffer_sequence_begin(buffers); it != end && n != k_pieces; ++it) {
      const boost::asio::const_buffer from(*it);
      if (from.size() != 0) pieces[n++] = {static_cast<const std::byte*>(from.data()), from.size()};
    }
    return write(std::span(pieces).first(n), ec);
  }
  template <class ConstBufferSequence>
  std::size_t write_some(const ConstBufferSequence& buffers) {
    boost::system::error_code ec;
    const std::size_t n = write_some(buffers, ec);
    if (ec) throw boost::system::system_error(ec, "write_some");
    return n;
  }

 private:
  // As many as Asio's own sockets take. Beast makes a piece of each field of a header.
  static constexpr std::size_t k_pieces = 64;

  std::size_t read(std::span<std::byte> to, boost::system::error_code& ec) {
    const io_result r = conn_.read(to);
    ec = to_asio(r.err);
    if (r.n == 0 && !ec) ec = boost::asio::error::eof;
    return r.n;
  }

  std::size_t write(std::span<const std::span<const std::byte>> pieces, boost::system::error_code& ec) {
    const io_result r = conn_.write(pieces);
    ec = to_asio(r.err);
    return r.n;
  }

  stream_conn conn_;
};

// How websocket::stream ends its connection: says that nothing follows, reads what the peer still had to say,
// so that it is not answered with a reset, and closes. Waits for the peer as long as the deadlines allow.
inline void teardown(boost::beast::role_type, asio_stream& stream, boost::system::error_code& ec) {
  std::array<std::byte, 4096> discarded;
  io_result r{.n = 0, .err = stream.conn().close_write()};
  do {
    if (!r.err) r = stream.conn().read(discarded);
  } while (!r.err && r.n != 0);
  const std::error_code closed = stream.conn().close();
  ec = to_asio(r.err ? r.err : closed);
}

}  // namespace goro::net
