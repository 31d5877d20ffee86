// websocket_chat with Beast's clients.
#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <goro/asio.hpp>
#include <goro/goro.hpp>

#include "server_process.hpp"
#include "support/wait.hpp"

namespace {

namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;
using boost::system::error_code;
using goro_test::server_process;
using namespace std::chrono_literals;

class client {
 public:
  client(const server_process& s, const std::string& query) : socket_(goro::net::asio_stream(s.dial())) {
    socket_.handshake("localhost", "/ws?" + query);
  }
  void say(const std::string& text) { socket_.write(boost::asio::buffer(text)); }
  std::string hear() {
    beast::flat_buffer buffer;
    error_code ec;
    socket_.read(buffer, ec);
    return ec ? "(" + ec.message() + ")" : beast::buffers_to_string(buffer.data());
  }
  websocket::stream<goro::net::asio_stream>& socket() { return socket_; }

 private:
  websocket::stream<goro::net::asio_stream> socket_;
};

TEST(WebSocketChat, what_is_said_is_heard_in_the_room) {
  server_process s("websocket_chat");
  client ann(s, "name=Ann&room=a%20b");
  EXPECT_EQ(ann.hear(), "* Ann has joined");
  client other(s, "name=Other&room=elsewhere");
  EXPECT_EQ(other.hear(), "* Other has joined");
  client bob(s, "room=a%20b&name=Bob");
  EXPECT_EQ(ann.hear(), "* Bob has joined");
  EXPECT_EQ(bob.hear(), "* Bob has joined");
  bob.say("hello");
  EXPECT_EQ(ann.hear(), "Bob: hello");
  EXPECT_EQ(bob.hear(), "Bob: hello");
  error_code ec;
  bob.socket().close(websocket::close_code::normal, ec);
  EXPECT_EQ(ann.hear(), "* Bob has left");
  other.say("x");
  EXPECT_EQ(other.hear(), "Other: x");

  s.signal(SIGTERM);
  for (client* c : {&ann, &other}) {
    c->hear();
    EXPECT_EQ(c->socket().reason().code, websocket::close_code::going_away);
  }
  EXPECT_EQ(s.wait(), 0);
}

// The page is what a browser gets; what is no WebSocket and no page is not there.
TEST(WebSocketChat, shows_its_page) {
  const server_process s("websocket_chat");
  const std::string page = s.ask("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_NE(page.find("new WebSocket"), std::string::npos);
  EXPECT_TRUE(s.ask("GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 404"));
}

// The time for a write is over when the server has written nothing for so long; that concerns no later one.
TEST(WebSocketChat, who_was_silent_is_answered) {
  server_process s("websocket_chat");
  client pings(s, "name=a&room=a");
  client closes(s, "name=b&room=b");
  EXPECT_EQ(pings.hear(), "* a has joined");
  EXPECT_EQ(closes.hear(), "* b has joined");
  goro::sleep_for(5500ms);  // its limit is 5 s

  std::string pong;
  pings.socket().control_callback(
      [&](websocket::frame_type, beast::string_view text) { pong.assign(text.data(), text.size()); });
  pings.socket().ping("there?");
  pings.say("x");
  EXPECT_EQ(pings.hear(), "a: x");
  EXPECT_EQ(pong, "there?");

  error_code ec;
  closes.socket().close(websocket::close_code::normal, ec);
  EXPECT_EQ(closes.socket().reason().code, websocket::close_code::normal) << ec.message();
}

// What is heard is text in any case: a client that is told something else must give its connection up.
TEST(WebSocketChat, bytes_that_are_no_text_reach_nobody) {
  server_process s("websocket_chat");
  client ann(s, "name=Ann");
  EXPECT_EQ(ann.hear(), "* Ann has joined");
  for (const char* name : {"%ff%fe", "a%0aBob:%20x", "%c3%28", "%c0%8a", "%e2%82", "%ed%a0%80",
                           "%f5%80%80%80", "%80", "%c2%85", "%7f"}) {
    client other(s, std::string("name=") + name);
    EXPECT_EQ(ann.hear(), "* somebody has joined") << name;
    other.socket().close(websocket::close_code::normal);
    EXPECT_EQ(ann.hear(), "* somebody has left") << name;
  }
  client zoe(s, "name=Zo%c3%ab%e2%82%ac%f0%9f%99%82");
  EXPECT_EQ(ann.hear(), "* Zo\u00eb\u20ac\U0001f642 has joined");
  EXPECT_EQ(zoe.hear(), "* Zo\u00eb\u20ac\U0001f642 has joined");
  zoe.socket().binary(true);
  zoe.say("\xc3\x28\xff");
  zoe.hear();
  EXPECT_EQ(zoe.socket().reason().code, websocket::close_code::unknown_data);
  EXPECT_EQ(ann.hear(), "* Zo\u00eb\u20ac\U0001f642 has left");
}

TEST(WebSocketChat, everybody_talks_at_once) {
  constexpr int k_clients = 8;
  constexpr int k_lines = 5;
  server_process s("websocket_chat");
  std::vector<std::unique_ptr<client>> all;
  for (int i = 0; i < k_clients; ++i) {
    all.push_back(std::make_unique<client>(s, "name=c"));
    for (auto& c : all) EXPECT_EQ(c->hear(), "* c has joined");
  }
  goro::wait_group done;
  for (auto& c : all) {
    done.go([&c] {
      for (int i = 0; i < k_lines; ++i) c->say("line");
      for (int i = 0; i < k_clients * k_lines; ++i) EXPECT_EQ(c->hear(), "c: line");
    });
  }
  done.wait();
}

TEST(WebSocketChat, a_slow_client_is_dropped_and_holds_up_nobody) {
  server_process s("websocket_chat");
  client slow(s, "name=slow");
  EXPECT_EQ(slow.hear(), "* slow has joined");
  client talker(s, "name=talker");
  EXPECT_EQ(talker.hear(), "* talker has joined");
  const std::string text(4000, 'x');
  bool dropped = false;
  for (int i = 0; i < 5000 && !dropped; ++i) {
    talker.say(text);
    const std::string heard = talker.hear();
    dropped = heard == "* slow has left";
  }
  EXPECT_TRUE(dropped);
}

}  // namespace
