// HTTP/1.1 on one connection: requests are read, answered and written one after another.
//
// A connection is in one of three states, and each has its limit of time:
//
//   silent    waits for the first byte of a request. The shutdown ends this wait at once, but who wrote at
//             that very moment is still heard; a connection that is new gets k_first_word for its first
//             request, shutdown or not, since its client has reason to believe that it was accepted.
//   reading   header_timeout for all of header and body, so that a byte now and then keeps nobody alive.
//             Memory is bounded by k_header_limit and k_body_limit.
//   answering request_timeout for the handler, by its context; the answer may take as long as its client goes
//             on to read (patient_stream.hpp).
//
// The last answer before a close says so ("Connection: close"). The connection is then read until its peer
// closes it too: a close with unread input would reset it, and the peer could lose the answer.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include <goro/asio.hpp>
#include <goro/goro.hpp>

#include "message.hpp"
#include "options.hpp"
#include "patient_stream.hpp"
#include "server.hpp"

namespace web {

struct service {
  handler answer;
  options limits;
  bool upgrades = false;  // hand a request for a WebSocket to the caller
};

// Which answer a request deserves that cannot be read; nothing if nobody is there to hear it. `too_long`: the
// one for the part of it that was being read.
std::optional<text_response> refusal(const boost::system::error_code& ec, http::status too_long);

// Reads until the peer closes, for a short time.
void linger(goro::net::stream_conn& conn);

template <class Stream>
class http_session {
 public:
  http_session(Stream& stream, const lifetime& life, const service& s)
      : stream_(stream), conn_(stream.lowest_layer().conn()), life_(life), service_(s) {}

  // Until one side has no more to say. The result is the request for a WebSocket that was the last one, if
  // the service wants these.
  std::optional<request> run() {
    const goro::net::cancel_guard end(life_.end, conn_);
    while (await_request()) {
      parser input;
      if (const error_code ec = read(input)) {
        refuse(ec, input);
        break;
      }
      if (service_.upgrades && boost::beast::websocket::is_upgrade(input.get())) return input.release();
      if (!respond(input.get())) break;
      first_ = false;
    }
    return std::nullopt;
  }

 private:
  using error_code = boost::system::error_code;
  using parser = http::request_parser<http::string_body>;

  static constexpr std::size_t k_header_limit = 16 * 1024;
  static constexpr std::size_t k_body_limit = 1024 * 1024;
  static constexpr std::size_t k_buffer = 64 * 1024;      // a header, and some of what follows
  static constexpr std::chrono::seconds k_first_word{5};  // as in Go's net/http
  static constexpr std::chrono::milliseconds k_crossing{100};
  static constexpr std::chrono::seconds k_end_timeout{2};

  void read_within(std::chrono::milliseconds d) { conn_.set_read_deadline(goro::clock::now() + d); }

  error_code read_more() {
    error_code ec;
    input_.commit(stream_.read_some(input_.prepare(4096), ec));
    return ec;
  }

  bool await_request() {
    if (input_.size() != 0) return true;  // it came with the one before
    if (first_) {
      read_within(k_first_word);
      return !read_more();
    }
    read_within(service_.limits.idle_timeout);
    error_code ec;
    {
      const goro::net::cancel_guard stop(life_.stop, conn_);
      ec = read_more();
    }
    if (ec != boost::asio::error::operation_aborted) return !ec;
    read_within(k_crossing);
    return !read_more();
  }

  error_code read(parser& input) {
    input.header_limit(k_header_limit);
    input.body_limit(k_body_limit);
    read_within(service_.limits.header_timeout);
    error_code ec;
    http::read_header(stream_, input_, input, ec);
    if (ec) return ec;
    if (!is_framed(input.get())) return http::error::bad_transfer_encoding;
    if (boost::beast::iequals(input.get()[http::field::expect], "100-continue")) {
      http::response<http::empty_body> go_on(http::status::continue_, 11);
      http::write(stream_, go_on, ec);
      if (ec) return ec;
    }
    http::read(stream_, input_, input, ec);
    return ec;
  }

  // Beast takes a coding that it does not know for none: what follows would be the next request.
  static bool is_framed(const request& req) {
    const auto codings = req.count(http::field::transfer_encoding);
    return codings == 0 ||
           (codings == 1 && boost::beast::iequals(req[http::field::transfer_encoding], "chunked"));
  }

  static http::status too_long(const parser& input) {
    if (input.is_header_done()) return http::status::payload_too_large;  // such as a chunk's extension
    const bool in_first_line = input.get().target().empty();
    return in_first_line ? http::status::uri_too_long : http::status::request_header_fields_too_large;
  }

  void refuse(const error_code& ec, const parser& input) {
    auto r = refusal(ec, too_long(input));
    if (!r) return;
    r->keep_alive(false);
    if (!write(*r, false)) bid_farewell();
  }

  // False if that was the last one.
  bool respond(const request& req) {
    auto answered = answer(req);
    const bool last = !req.keep_alive() || life_.stop.err();
    const auto send = [&](auto& r) {
      r.version(req.version());
      r.keep_alive(!last);
      return write(r, req.method() == http::verb::head);
    };
    if (std::visit(send, answered)) return false;
    if (last) bid_farewell();
    return !last;
  }

  response answer(const request& req) {
    const auto limited = goro::with_timeout(life_.end, service_.limits.request_timeout);
    try {
      return service_.answer(req, limited.ctx);
    } catch (const std::exception&) {
      return text(http::status::internal_server_error, "that went wrong\n");
    }
  }

  template <class Response>
  error_code write(Response& r, bool header_only) {
    http::serializer<false, typename Response::body_type> output(r);
    output.split(header_only);
    error_code ec;
    while (!ec && !(header_only ? output.is_header_done() : output.is_done())) {
      http::write_some(stream_, output, ec);
    }
    return ec;
  }

  void bid_farewell() {
    if constexpr (requires(error_code& ec) { stream_.shutdown(ec); }) {
      // TLS: without this the peer could not tell the end from a cut.
      conn_.set_deadline(goro::clock::now() + k_end_timeout);
      error_code gone_already;
      stream_.shutdown(gone_already);
    }
    linger(conn_);
  }

  Stream& stream_;
  goro::net::stream_conn& conn_;
  const lifetime& life_;
  const service& service_;
  boost::beast::flat_buffer input_{k_buffer};
  bool first_ = true;
};

// Compiled once, in http_session.cpp.
extern template class http_session<patient_stream>;

}  // namespace web
