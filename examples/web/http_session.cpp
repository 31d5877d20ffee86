#include "http_session.hpp"

namespace web {

namespace {

// How long to read what nobody wants: after the last byte, and in all.
constexpr std::chrono::seconds k_linger_silence{2};
constexpr std::chrono::seconds k_linger{10};

http::status status_of(const boost::system::error_code& ec, http::status too_long) {
  using error = http::error;
  if (ec == error::header_limit || ec == error::buffer_overflow) return too_long;
  if (ec == error::body_limit) return http::status::payload_too_large;
  return http::status::bad_request;
}

}  // namespace

std::optional<text_response> refusal(const boost::system::error_code& ec, http::status too_long) {
  if (ec == boost::asio::error::timed_out) {
    return text(http::status::request_timeout, "the request took too long to arrive\n");
  }
  const boost::system::error_code of_http = http::error::end_of_stream;  // any, for its category
  const bool about_content = ec.category() == of_http.category();
  if (!about_content || ec == of_http || ec == http::error::partial_message) return std::nullopt;
  return text(status_of(ec, too_long), "the request is refused: " + ec.message() + "\n");
}

void linger(goro::net::stream_conn& conn) {
  const auto end = goro::clock::now() + k_linger;
  if (conn.close_write()) return;
  std::array<std::byte, 16 * 1024> discarded;
  for (;;) {
    static_cast<void>(conn.set_read_deadline(std::min(end, goro::clock::now() + k_linger_silence)));
    const goro::io_result r = conn.read(discarded);
    if (r.err || r.n == 0) return;
  }
}

template class http_session<patient_stream>;

}  // namespace web
