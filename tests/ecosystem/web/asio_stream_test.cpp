// goro::net::asio_stream under Asio, Beast and OpenSSL, both ends in this process.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>
#include <utility>

#include <boost/asio/read.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <goro/asio.hpp>
#include <goro/goro.hpp>

#include "../../../examples/https_server/certificate.hpp"
#include "support/fixture.hpp"

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;
using boost::system::error_code;
using goro::net::asio_stream;
using tls_stream = asio::ssl::stream<asio_stream>;
using namespace std::chrono_literals;

static_assert(beast::is_sync_stream<asio_stream>::value);
static_assert(std::is_nothrow_move_constructible_v<asio_stream>);

constexpr auto k_patience = 30s;

struct AsioStream : goro_test::procs_test {
  // The first streams make the things that stay for the life of the process.
  void SetUp() override {
    const tls_stream once(asio_stream(std::move(goro::net::unix_conn::pair().value().first)), any_context());
    procs_test::SetUp();
  }

  static asio::ssl::context& any_context() {
    static auto& c = *new asio::ssl::context(asio::ssl::context::tls_client);
    return c;
  }

  static std::pair<asio_stream, asio_stream> pair() {
    auto [a, b] = goro::net::unix_conn::pair().value();
    a.set_deadline(goro::clock::now() + k_patience);
    b.set_deadline(goro::clock::now() + k_patience);
    return {asio_stream(std::move(a)), asio_stream(std::move(b))};
  }
};
INSTANTIATE_TEST_SUITE_P(Procs, AsioStream, testing::Values(1, 4));

TEST(AsioError, codes_keep_their_meaning) {
  using goro::errc;
  using goro::net::to_asio;
  EXPECT_FALSE(to_asio({}));
  EXPECT_EQ(to_asio(errc::closed), asio::error::bad_descriptor);
  EXPECT_EQ(to_asio(errc::timed_out), asio::error::timed_out);
  EXPECT_EQ(to_asio(errc::canceled), asio::error::operation_aborted);
  EXPECT_EQ(to_asio(errc::unexpected_eof), asio::error::eof);
  EXPECT_EQ(to_asio(errc::would_block), asio::error::would_block);
  EXPECT_EQ(to_asio(errc::no_such_host), asio::error::host_not_found);
  EXPECT_EQ(to_asio({ECONNRESET, std::system_category()}), asio::error::connection_reset);
  EXPECT_EQ(to_asio(std::make_error_code(std::errc::broken_pipe)), boost::system::errc::broken_pipe);
  EXPECT_EQ(to_asio(std::make_error_code(std::io_errc::stream)), boost::system::errc::io_error);
}

TEST_P(AsioStream, reads_and_writes_sequences_of_buffers) {
  goro_test::in_goroutine([] {
    auto [a, b] = pair();
    const std::string one = "one", none, two = "two";
    const std::array<asio::const_buffer, 3> out{asio::buffer(one), asio::buffer(none), asio::buffer(two)};
    EXPECT_EQ(a.write_some(out), 6U);
    std::array<char, 2> first{};
    std::array<char, 4> rest{};
    const std::array<asio::mutable_buffer, 3> in{asio::mutable_buffer(), asio::buffer(first),
                                                 asio::buffer(rest)};
    EXPECT_EQ(asio::read(b, in), 6U);
    EXPECT_EQ(std::string(first.data(), 2) + std::string(rest.data(), 4), "onetwo");
    EXPECT_EQ(b.read_some(asio::mutable_buffer()), 0U);  // at once

    // More pieces than one call takes.
    std::array<asio::const_buffer, 100> many;
    many.fill(asio::buffer(one));
    EXPECT_EQ(asio::write(a, many), 300U);
    std::string all(300, ' ');
    EXPECT_EQ(asio::read(b, asio::buffer(all)), 300U);
    EXPECT_TRUE(all.ends_with("oneone"));
  });
}

TEST_P(AsioStream, ends_as_Asio_does) {
  goro_test::in_goroutine([] {
    std::array<char, 8> to{};
    error_code ec;
    auto [a, b] = pair();
    b.conn().set_read_deadline(goro::clock::now() + 1ms);
    EXPECT_EQ(b.read_some(asio::buffer(to), ec), 0U);
    EXPECT_EQ(ec, asio::error::timed_out);
    b.conn().set_read_deadline({});
    {
      const auto cancelled = goro::with_timeout(goro::background(), 1ms);
      const goro::net::cancel_guard guard(cancelled.ctx, b.conn());
      b.read_some(asio::buffer(to), ec);
      EXPECT_EQ(ec, asio::error::operation_aborted);
    }
    a.conn().close_write();
    b.read_some(asio::buffer(to), ec);
    EXPECT_EQ(ec, asio::error::eof);
    EXPECT_THROW(b.read_some(asio::buffer(to)), boost::system::system_error);
    a.conn().close();
    a.write_some(asio::buffer(to), ec);
    EXPECT_EQ(ec, asio::error::bad_descriptor);
    b.write_some(asio::buffer(to), ec);
    EXPECT_EQ(ec, asio::error::broken_pipe);
    EXPECT_THROW(b.write_some(asio::buffer(to)), boost::system::system_error);
  });
}

TEST_P(AsioStream, a_message_of_Beasts) {
  namespace http = beast::http;
  goro_test::in_goroutine([] {
    auto [a, b] = pair();
    goro::wait_group peer;
    const std::string body(1'000'000, 'b');
    peer.go([&, to = &a] {
      http::request<http::string_body> r(http::verb::post, "/x", 11, body);
      r.prepare_payload();
      http::write(*to, r);
    });
    beast::flat_buffer buffer;
    http::request<http::string_body> r;
    http::read(b, buffer, r);
    EXPECT_EQ(r.target(), "/x");
    EXPECT_EQ(r.body(), body);
    peer.wait();
  });
}

// A server and a client of the same kind of stream, which are ready for their WebSocket handshake.
template <class Stream>
void echo_over(Stream server, Stream client) {
  goro::wait_group peer;
  peer.go([&] {
    websocket::stream<Stream> socket(std::move(server));
    socket.accept();
    beast::flat_buffer buffer;
    error_code ec;
    while (!ec) {
      socket.read(buffer, ec);
      if (ec) break;
      socket.text(socket.got_text());
      socket.write(buffer.data());
      buffer.consume(buffer.size());
    }
    EXPECT_EQ(ec, websocket::error::closed);
  });
  websocket::stream<Stream> socket(std::move(client));
  socket.handshake("localhost", "/");
  for (const std::size_t size : {0U, 1U, 125U, 126U, 65'536U, 1'000'000U}) {
    const std::string sent(size, 'x');
    EXPECT_EQ(socket.write(asio::buffer(sent)), size);
    beast::flat_buffer buffer;
    socket.read(buffer);
    EXPECT_EQ(beast::buffers_to_string(buffer.data()), sent);
  }
  error_code ec;
  socket.close(websocket::close_code::normal, ec);
  EXPECT_TRUE(!ec || ec == asio::error::eof) << ec.message();
  peer.wait();
}

TEST_P(AsioStream, a_WebSocket) {
  goro_test::in_goroutine([] {
    auto [a, b] = pair();
    echo_over(std::move(a), std::move(b));
  });
}

TEST_P(AsioStream, a_WebSocket_over_TLS) {
  auto of_server = server_context({});
  goro_test::in_goroutine([&] {
    auto [a, b] = pair();
    tls_stream server(std::move(a), of_server);
    tls_stream client(std::move(b), any_context());
    goro::wait_group peer;
    peer.go([&, to = &server] { to->handshake(tls_stream::server); });
    client.handshake(tls_stream::client);
    peer.wait();
    echo_over(std::move(server), std::move(client));
  });
}

}  // namespace
