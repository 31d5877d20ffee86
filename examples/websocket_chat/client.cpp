// A client has two goroutines, since it is read and written at any time: one takes what the client says, the
// other hands it what is in its inbox. Beast's stream is for one at a time, so a lock guards it, which a
// reader leaves while it waits for bytes (shared_stream). A writer keeps it until its frame is out, so that
// no two frames are mixed.
#include "client.hpp"

#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <span>
#include <string_view>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <goro/goro.hpp>

#include "../web/static_files.hpp"

namespace chat {

namespace {

using boost::system::error_code;
namespace websocket = boost::beast::websocket;

constexpr std::size_t k_longest_message = 4096;
constexpr std::size_t k_longest_name = 32;
constexpr std::chrono::seconds k_write_timeout{5};
constexpr std::chrono::seconds k_ping_period{20};
// Three pings without an answer.
constexpr std::chrono::seconds k_silence{60};
constexpr std::chrono::seconds k_teardown_timeout{2};

class shared_stream : public goro::net::asio_stream {
 public:
  shared_stream(goro::net::asio_stream s, goro::mutex& turn) : asio_stream(std::move(s)), turn_(&turn) {}

  // Called with the lock held, and returns with it.
  template <class Buffers>
  std::size_t read_some(const Buffers& buffers, error_code& ec) {
    static_cast<void>(conn().set_read_deadline(goro::clock::now() + k_silence));
    turn_->unlock();
    const goro::scope_exit back([this] { turn_->lock(); });
    return asio_stream::read_some(buffers, ec);
  }
  template <class Buffers>
  std::size_t read_some(const Buffers& buffers) {
    error_code ec;
    const std::size_t n = read_some(buffers, ec);
    if (ec) throw boost::system::system_error(ec);
    return n;
  }

  // Every write has its own time, also those that Beast makes within a read: pongs, and answers to a close.
  template <class Buffers>
  std::size_t write_some(const Buffers& buffers, error_code& ec) {
    static_cast<void>(conn().set_write_deadline(goro::clock::now() + k_write_timeout));
    return asio_stream::write_some(buffers, ec);
  }
  template <class Buffers>
  std::size_t write_some(const Buffers& buffers) {
    error_code ec;
    const std::size_t n = write_some(buffers, ec);
    if (ec) throw boost::system::system_error(ec);
    return n;
  }

 private:
  goro::mutex* turn_;
};

void teardown(boost::beast::role_type role, shared_stream& stream, error_code& ec) {
  static_cast<void>(stream.conn().set_deadline(goro::clock::now() + k_teardown_timeout));
  goro::net::teardown(role, stream, ec);
}

// Well-formed UTF-8 without control characters: others get it as part of a line.
bool is_text(std::string_view s) {
  constexpr std::array<std::uint32_t, 4> k_least{' ', 0xa0, 0x800, 0x10000};  // of so many bytes
  while (!s.empty()) {
    const auto first = static_cast<unsigned char>(s.front());
    const int ones = std::countl_one(first);
    const std::size_t size = ones == 0 ? 1 : static_cast<std::size_t>(ones);
    if (ones == 1 || size > k_least.size() || size > s.size()) return false;
    std::uint32_t code = first & (0x7fU >> ones);
    for (const char c : s.substr(1, size - 1)) {
      const auto next = static_cast<unsigned char>(c);
      if ((next & 0xc0) != 0x80) return false;
      code = code << 6 | (next & 0x3fU);
    }
    const bool surrogate = code >= 0xd800 && code < 0xe000;
    if (code < k_least[size - 1] || code == 0x7f || surrogate || code > 0x10ffff) return false;
    s.remove_prefix(size);
  }
  return true;
}

// The value of a parameter of the URL, if it is one that others can bear.
std::string parameter(std::string_view url, std::string_view name, std::string otherwise) {
  for (std::size_t at = url.find('?'); at != std::string_view::npos; at = url.find('&', at)) {
    ++at;
    if (!url.substr(at).starts_with(name) || url.substr(at + name.size(), 1) != "=") continue;
    url.remove_prefix(at + name.size() + 1);
    const auto value = web::percent_decoded(url.substr(0, url.find('&')));
    if (!value || value->empty() || value->size() > k_longest_name || !is_text(*value)) break;
    return *value;
  }
  return otherwise;
}

class client {
 public:
  client(goro::net::asio_stream s, hub& rooms, std::string_view url)
      : rooms_(rooms),
        room_(parameter(url, "room", "lobby")),
        name_(parameter(url, "name", "somebody")),
        socket_(std::move(s), turn_),
        self_(socket_.next_layer().conn()) {}

  void run(const web::request& upgrade, const web::lifetime& life) {
    socket_.read_message_max(k_longest_message);
    error_code ec;
    socket_.accept(upgrade, ec);
    if (ec) return;
    rooms_.join(room_, self_);
    rooms_.say(room_, "* " + name_ + " has joined");
    goro::wait_group writer;
    writer.go([this] { write_all(); });
    const websocket::close_code why = read_all(life.stop);
    rooms_.leave(room_, self_);
    self_.inbox.close();
    writer.wait();
    if (why != websocket::close_code::none) say_goodbye(why);
    rooms_.say(room_, "* " + name_ + " has left");
  }

 private:
  // Why the client is to be sent away; none if it has gone.
  websocket::close_code read_all(const goro::context& stop) {
    const goro::net::cancel_guard until(stop, self_.conn);
    for (;;) {
      boost::beast::flat_buffer buffer(k_longest_message);
      error_code ec;
      {
        const std::lock_guard held(turn_);
        socket_.read(buffer, ec);
      }
      // The stop itself tells of its end only after it has ended the read.
      if (ec == boost::asio::error::operation_aborted) return websocket::close_code::going_away;
      if (ec) return websocket::close_code::none;
      // Beast has looked at the bytes of a text only.
      if (socket_.got_binary()) return websocket::close_code::unknown_data;
      const auto text = buffer.data();
      rooms_.say(room_, name_ + ": " + std::string(static_cast<const char*>(text.data()), text.size()));
    }
  }

  void write_all() {
    goro::ticker ping(k_ping_period);
    const auto lines = self_.inbox;
    for (bool more = true; more;) {
      goro::select(goro::on_recv(lines, [&](std::optional<line> l) { more = l && write(**l); }),
                   goro::on_recv(ping.c(), [&] { more = write_ping(); }));
    }
  }

  bool write(const std::string& text) {
    return in_turn([&](error_code& ec) { socket_.write(boost::asio::buffer(text), ec); });
  }
  bool write_ping() {
    return in_turn([&](error_code& ec) { socket_.ping({}, ec); });
  }

  template <class F>
  bool in_turn(F f) {
    const std::lock_guard held(turn_);
    error_code ec;
    f(ec);
    if (ec) static_cast<void>(self_.conn.close());  // for the reader to hear of it
    return !ec;
  }

  // Beast has given its stream up if the read was ended, so the last frame is written without it: a close of
  // two bytes, the code.
  void say_goodbye(websocket::close_code why) {
    const std::array<unsigned char, 4> close{0x88, 0x02, static_cast<unsigned char>(why >> 8),
                                             static_cast<unsigned char>(why & 0xff)};
    static_cast<void>(self_.conn.set_deadline(goro::clock::now() + k_teardown_timeout));
    if (self_.conn.write(std::as_bytes(std::span(close)))) {
      error_code ec;
      goro::net::teardown(boost::beast::role_type::server, socket_.next_layer(), ec);
    }
  }

  goro::mutex turn_;
  hub& rooms_;
  std::string room_;
  std::string name_;
  websocket::stream<shared_stream> socket_;
  member self_;
};

}  // namespace

void talk(goro::net::asio_stream stream, const web::request& upgrade, hub& rooms, const web::lifetime& life) {
  client c(std::move(stream), rooms, web::view(upgrade.target()));
  c.run(upgrade, life);
}

}  // namespace chat
