// A client has two goroutines, since it is read and written at any time: one takes what the client says, the
// other hands it what is in its inbox. Beast's stream is for one at a time, so a lock guards it, which a
// reader leaves while it waits for bytes (shared_stream). A writer keeps it until its frame is out, so that
// no two frames are mixed.
#include "client.hpp"

#include <array>
#include <chrono>
#include <mutex>
#include <string_view>
#include <utility>

#include <boost/asio/buffer.hpp>
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

// The value of a parameter of the URL, cut to a length that others can bear.
std::string parameter(std::string_view url, std::string_view name, std::string otherwise) {
  for (std::size_t at = url.find('?'); at != std::string_view::npos; at = url.find('&', at)) {
    ++at;
    if (!url.substr(at).starts_with(name) || url.substr(at + name.size(), 1) != "=") continue;
    url.remove_prefix(at + name.size() + 1);
    const auto value = web::percent_decoded(url.substr(0, url.find('&')));
    return value && !value->empty() && value->size() <= k_longest_name ? *value : otherwise;
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
    read_all(life.stop);
    rooms_.leave(room_, self_);
    self_.inbox.close();
    writer.wait();
    if (life.stop.err()) say_going_away();
    rooms_.say(room_, "* " + name_ + " has left");
  }

 private:
  void read_all(const goro::context& stop) {
    const goro::net::cancel_guard until(stop, self_.conn);
    for (;;) {
      boost::beast::flat_buffer buffer(k_longest_message);
      error_code ec;
      {
        const std::lock_guard held(turn_);
        socket_.read(buffer, ec);
      }
      if (ec) return;
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

  // Beast has given its stream up with the read that was ended, so the last frame is written without it: a
  // close of two bytes, code 1001.
  void say_going_away() {
    static constexpr std::array<unsigned char, 4> k_close{0x88, 0x02, 0x03, 0xe9};
    static_cast<void>(self_.conn.set_deadline(goro::clock::now() + k_teardown_timeout));
    if (self_.conn.write(std::as_bytes(std::span(k_close)))) {
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
