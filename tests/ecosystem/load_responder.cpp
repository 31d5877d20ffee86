// A small HTTP server that answers in every way that a client must understand, and in some that it must not:
//   /  /chunked  /close  /http10  /404  /broken  /cut (ends within the body)  /silent (no answer)  /slow
#include <chrono>
#include <csignal>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include <goro/goro.hpp>
#include <goro/net.hpp>
#include <goro/signal.hpp>

namespace {

using namespace std::chrono_literals;

const std::map<std::string, std::string, std::less<>> k_answers{
    {"/", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"},
    {"/slow", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"},
    {"/chunked",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: "
     "1\r\n\r\n"},
    {"/close", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbye"},
    {"/http10", "HTTP/1.0 200 OK\r\n\r\nto the end"},
    {"/404", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"},
    {"/broken", "SSH-2.0-OpenSSH\r\n"},
    {"/cut", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhello"},
    {"/silent", ""},
};

bool ends_the_connection(std::string_view path) {
  return path == "/close" || path == "/http10" || path == "/broken" || path == "/cut";
}

void serve(goro::net::tcp_conn conn) {
  std::string buffer(4096, '\0');
  for (std::string input;;) {
    const auto [n, err] = conn.read(std::as_writable_bytes(std::span(buffer)));
    if (n == 0 || err) return;
    input.append(buffer, 0, n);
    for (std::size_t end = 0; (end = input.find("\r\n\r\n")) != std::string::npos;) {
      const std::string path = input.substr(4, input.find(' ', 4) - 4);
      input.erase(0, end + 4);
      const auto answer = k_answers.find(path);
      if (path == "/slow") goro::sleep_for(50ms);
      if (!conn.write(answer == k_answers.end() ? k_answers.at("/404") : answer->second)) return;
      if (ends_the_connection(path)) return;
    }
  }
}

int run() {
  auto listener = goro::net::listen("127.0.0.1:0");
  if (!listener) return 1;
  const auto stopping = goro::notify_context(goro::background(), {SIGTERM});
  const goro::net::cancel_guard guard(stopping.ctx, *listener);
  std::printf("listening on %s\n", to_string(listener->local()).c_str());
  std::fflush(stdout);
  while (auto conn = listener->accept()) goro::go([c = std::move(*conn)]() mutable { serve(std::move(c)); });
  return 0;
}

}  // namespace

int main() { return goro::run(run); }
