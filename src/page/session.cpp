// HTTP/1.1 by Boost.Beast, in straight-line code. What a client can hold is bounded: a header of 8 KB (and no
// body), 5 seconds to send it, 15 seconds of silence between two requests, 30 seconds to take an answer (a
// long trace: some minutes).
//
// An answer after which the connection ends is followed by a close of the writing side only; what the client
// still sends is read and thrown away for a moment, since a close with unread input would reset the
// connection, and the client could lose the answer.
#include "page/session.hpp"

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/span_body.hpp>
#include <boost/beast/http/write.hpp>

#include <goro/asio.hpp>
#include <goro/clock.hpp>

namespace goro::detail {

namespace {

namespace http = boost::beast::http;

constexpr std::size_t k_header_limit = 8 * 1024;
constexpr std::size_t k_buffer = 16 * 1024;
constexpr std::chrono::seconds k_header_time{5};
constexpr std::chrono::seconds k_silence{15};
constexpr std::chrono::seconds k_answer_time{30};
constexpr std::size_t k_least_rate = 256 * 1024;  // bytes in a second, of a long answer
constexpr std::chrono::seconds k_farewell{1};

template <class S>
std::string_view view(const S& s) {
  return {s.data(), s.size()};
}

class session {
 public:
  session(net::asio_stream& stream, page_site& site) : stream_(stream), site_(site) {}

  void run() {
    while (await_request()) {
      http::request_parser<http::empty_body> parser;
      parser.header_limit(k_header_limit);
      set_read_limit(k_header_time);
      error_code ec;
      http::read_header(stream_, input_, parser, ec);
      if (ec) return refuse(ec);
      const auto& request = parser.get();
      const page_answer a = answer_to({.method = view(request.method_string()),
                                       .target = view(request.target()),
                                       .host = the_host(request),
                                       .fetch_site = view(request["Sec-Fetch-Site"]),
                                       .fetch_mode = view(request["Sec-Fetch-Mode"])},
                                      site_);
      const bool last = !request.keep_alive() || !parser.is_done();  // nobody reads a body
      if (!send(a, !last, request.method() == http::verb::head)) return;
      if (last) return bid_farewell();
    }
  }

 private:
  using error_code = boost::system::error_code;

  void set_read_limit(std::chrono::seconds d) {
    static_cast<void>(stream_.conn().set_read_deadline(clock::now() + d));
  }

  // The first byte of a request may take longer than the others.
  bool await_request() {
    if (input_.size() != 0) return true;
    set_read_limit(first_ ? k_header_time : k_silence);
    first_ = false;
    error_code ec;
    input_.commit(stream_.read_some(input_.prepare(4096), ec));
    return !ec;
  }

  void refuse(const error_code& ec) {
    page_answer a;
    if (ec == boost::asio::error::timed_out) {
      a.status = 408;
      a.body = "the request took too long to arrive\n";
    } else if (ec == http::error::header_limit || ec == http::error::buffer_overflow) {
      a.status = 431;
      a.body = "the request is too long\n";
    } else if (ec.category() == error_code(http::error::end_of_stream).category() &&
               ec != http::error::end_of_stream && ec != http::error::partial_message) {
      a.status = 400;
      a.body = "this is no request: " + ec.message() + "\n";
    } else {
      return;  // nobody is there any more
    }
    if (send(a, false, false)) bid_farewell();
  }

  // Empty if there is none, or more than one: then it is not clear whom the request is for.
  static std::string_view the_host(const http::fields& fields) {
    return fields.count(http::field::host) == 1 ? view(fields[http::field::host]) : std::string_view();
  }

  static void describe(http::fields& fields, const page_answer& a) {
    const auto set = [&fields](auto name, std::string_view value) {
      fields.set(name, boost::beast::string_view(value.data(), value.size()));
    };
    set(http::field::content_type, a.type);
    set(http::field::cache_control, "no-store");
    if (a.status == 405) set(http::field::allow, "GET, HEAD");
    set("Content-Security-Policy", a.policy);
    set("X-Content-Type-Options", "nosniff");
    set("Referrer-Policy", "no-referrer");
    set("Cross-Origin-Resource-Policy", "same-origin");
  }

  bool send(const page_answer& a, bool keep_alive, bool header_only) {
    const auto limit = k_answer_time + std::chrono::seconds(a.body.size() / k_least_rate);
    static_cast<void>(stream_.conn().set_write_deadline(clock::now() + limit));
    http::response<http::span_body<const char>> response(http::int_to_status(static_cast<unsigned>(a.status)),
                                                         11);
    describe(response, a);
    response.body() = {a.body.data(), a.body.size()};
    response.keep_alive(keep_alive);
    response.prepare_payload();
    http::response_serializer<http::span_body<const char>> output(response);
    error_code ec;
    if (header_only) {
      http::write_header(stream_, output, ec);
    } else {
      http::write(stream_, output, ec);
    }
    return !ec;
  }

  void bid_farewell() {
    if (stream_.conn().close_write()) return;
    set_read_limit(k_farewell);
    std::array<std::byte, 4096> discarded;
    for (int i = 0; i != 64; ++i) {
      const io_result r = stream_.conn().read(discarded);
      if (r.err || r.n == 0) return;
    }
  }

  net::asio_stream& stream_;
  page_site& site_;
  boost::beast::flat_buffer input_{k_buffer};
  bool first_ = true;
};

}  // namespace

void serve_connection(net::tcp_conn conn, const context& until, page_site& site) {
  net::asio_stream stream(std::move(conn));
  const net::cancel_guard end(until, stream.conn());
  session(stream, site).run();
}

}  // namespace goro::detail
