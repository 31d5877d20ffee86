#include "client.hpp"

#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include <goro/time.hpp>

namespace load {

namespace {

using namespace std::chrono_literals;

// What becomes of a request when the context ends, which itself tells of it only then.
constexpr std::string_view k_cut_off = "cut off";

std::string text_of(const char* what, std::error_code err) {
  if (err == goro::errc::canceled) return std::string(k_cut_off);
  return std::string(what) + ": " + err.message();
}

}  // namespace

void tally::add(const tally& other) {
  times.add(other.times);
  bytes += other.bytes;
  connections += other.connections;
  for (const auto& [kind, n] : other.errors) errors[kind] += n;
}

void client::run(const goro::context& ctx) {
  while (!ctx.err()) {
    if (connect(ctx)) {
      use_connection(ctx);
    } else {
      goro::sleep_for(10ms);  // a server that is not there is not to be asked as fast as one can
    }
  }
}

void client::use_connection(const goro::context& ctx) {
  const goro::net::cancel_guard guard(ctx, *conn_);
  while (conn_->is_open()) {
    const goro::time_point begin = goro::clock::now();
    static_cast<void>(conn_->set_deadline(begin + target_.timeout));
    const std::string error = ask();
    if (error == k_cut_off || ctx.err()) break;
    if (!error.empty()) {
      ++tally_.errors[error];
    } else if (parser_.status() >= 400) {
      ++tally_.errors["status " + std::to_string(parser_.status())];
    } else {
      tally_.times.add(goro::clock::now() - begin);
    }
    tally_.bytes += parser_.body_size();
    if (!error.empty() || !parser_.keep_alive()) static_cast<void>(conn_->close());
  }
  static_cast<void>(conn_->close());
}

bool client::connect(const goro::context& ctx) {
  const auto limited = goro::with_timeout(ctx, target_.timeout);
  auto conn = goro::net::dial(limited.ctx, target_.address);
  if (!conn) {
    const std::string error = text_of("connect", conn.error());
    // The deadline that has rung may be that of all.
    const bool over =
        error == k_cut_off || ctx.deadline().value_or(goro::time_point::max()) <= goro::clock::now();
    if (!over && !ctx.err()) ++tally_.errors[error];
    return false;
  }
  conn_.emplace(std::move(*conn));
  ++tally_.connections;
  return true;
}

std::string client::ask() {
  parser_.reset();
  if (const auto sent = conn_->write(target_.request); !sent) return text_of("write", sent.err);
  return read_response();
}

std::string client::read_response() {
  while (!parser_.done()) {
    const auto [n, err] = conn_->read(buffer_);
    if (err) return text_of("read", err);
    if (n == 0) {
      if (!parser_.begun()) return "read: the server has closed the connection";
      parser_.feed_end();
    }
    const std::string_view bytes(reinterpret_cast<const char*>(buffer_.data()), n);
    const std::size_t used = parser_.feed(bytes);
    if (parser_.error()) return std::string("response: ") + parser_.error();
    if (used != n) return "response: more than was asked for";
  }
  return {};
}

}  // namespace load
