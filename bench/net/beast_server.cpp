// goro-bench-beast-server: HTTP by Boost.Beast, a goroutine for each connection; what Go's net/http stands
// beside. Both parse each request as a whole, and make each reply of its status, its fields and its body,
// with the same fields.
#include <array>
#include <ctime>
#include <string>
#include <string_view>
#include <utility>

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <goro/asio.hpp>
#include <goro/goro.hpp>
#include <goro/net.hpp>

#include "peers/peer.hpp"

namespace {

namespace http = boost::beast::http;

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::string date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 40> text;
  return {text.data(), std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

void answer(goro::net::tcp_conn conn) {
  goro::net::asio_stream stream(std::move(conn));
  boost::beast::flat_buffer buffer;
  boost::system::error_code ec;
  for (bool open = true; open;) {
    http::request<http::string_body> request;
    http::read(stream, buffer, request, ec);
    if (ec) return;
    http::response<http::string_body> reply(http::status::ok, request.version(), "Hello, World!");
    reply.set(http::field::content_type, "text/plain");
    reply.set(http::field::date, date());
    reply.keep_alive(request.keep_alive());
    reply.prepare_payload();
    http::write(stream, reply, ec);
    open = !ec && reply.keep_alive();
  }
}

void serve() {
  auto listener = goro::net::listen("127.0.0.1:" + std::to_string(bench::port())).value();
  while (auto conn = listener.accept()) goro::go(answer, std::move(*conn));
}

constexpr std::array k_servers{bench::workload{"http", serve}};

}  // namespace

int main(int argc, char** argv) {
  const bench::workload* const chosen = bench::choose("goro-bench-beast-server", k_servers, argc, argv);
  if (!chosen) return 2;
  return goro::run(goro::run_options{}.max_procs(bench::procs()), chosen->body);
}
