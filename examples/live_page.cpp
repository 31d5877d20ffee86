// A program with a page about itself. Give it an address and it serves it until Ctrl-C:
//
//   live_page 127.0.0.1:6060          # then open http://127.0.0.1:6060/
//
// Without one it looks at itself, by the same road as a browser, and ends.
#include <csignal>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>

#include <goro/goro.hpp>
#include <goro/net.hpp>
#include <goro/page.hpp>
#include <goro/signal.hpp>

#include "common/command_line.hpp"

namespace {

using namespace std::chrono_literals;

constexpr const char* k_usage =
    "usage: live_page [HOST:PORT]\n  without an address it looks at itself, and ends\n";

// Something to look at: a pipeline, and those who wait for what never comes.
void live(const goro::context& ctx) {
  const goro::chan<int> numbers(10);
  const goro::chan<int> silence;
  goro::go(goro::go_options{}.name("producer"), [=] {
    for (int i = 0; !ctx.err(); ++i) {
      numbers.send(i);
      goro::sleep_for(1ms);
    }
    numbers.close();
  });
  goro::go(goro::go_options{}.name("consumer"), [=] {
    while (numbers.recv()) {
    }
  });
  for (int i = 0; i < 100; ++i)
    goro::go([=] { goro::select(goro::on_recv(silence, [](auto) {}), goro::on_recv(ctx.done(), [] {})); });
}

// The first line of an answer.
std::string ask(const goro::diag::live_page& page, const std::string& target) {
  auto conn = goro::net::dial(goro::background(), page.address()).value();
  static_cast<void>(
      conn.write("GET " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
  std::string answer(4096, ' ');
  answer.resize(conn.read_full(std::as_writable_bytes(std::span(answer))).n);
  return answer.substr(0, answer.find('\r'));
}

int run(const std::string& address, bool shows_itself) {
  const auto page = goro::diag::serve(address);
  if (!page) {
    std::fprintf(stderr, "live_page: %s: %s\n", address.c_str(), page.error().message().c_str());
    return 1;
  }
  const auto signals = goro::notify_context(goro::background(), {SIGINT, SIGTERM});
  live(signals.ctx);
  if (shows_itself) {
    for (const char* target : {"/", "/api/state.json", "/metrics", "/nothing"})
      std::printf("%s: %s\n", target, ask(*page, target).c_str());
  } else {
    std::printf("%s\n", page->url().c_str());
    std::fflush(stdout);
    signals.ctx.done().recv();
  }
  signals.cancel();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string address = argc < 2 ? "127.0.0.1:0" : argv[1];
  if (address == "--help" || address == "-h") {
    std::fputs(k_usage, stdout);
    return 0;
  }
  if (argc > 2 || !example::is_host_port(address)) {
    std::fprintf(stderr, "one address is wanted, such as 127.0.0.1:6060\n%s", k_usage);
    return 2;
  }
  return goro::run([&] { return run(address, argc < 2); });
}
