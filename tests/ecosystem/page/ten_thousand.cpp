// A program with 10,000 goroutines that wait in several ways, and a few that work, for a browser to look at:
//
//   page_ten_thousand [--quiet]
//
// Prints where its page is; then, for each line that it reads, what diag::goroutines() says, as one line of
// words "COUNT STATE CREATED_AT" separated by tabs for each group of those that wait, and an empty line. With
// --quiet nobody works. Ends with its input.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include <goro/diag.hpp>
#include <goro/goro.hpp>
#include <goro/net.hpp>
#include <goro/page.hpp>

namespace {

using namespace std::chrono_literals;

void handle_requests(const goro::chan<int>& requests) {
  while (requests.recv()) {
  }
}

void refresh_cache() { goro::sleep_for(24h); }

void hold_session(goro::mutex& session) { const std::lock_guard held(session); }

void await_shutdown(const goro::context& ctx, const goro::chan<int>& events) {
  goro::select(goro::on_recv(ctx.done(), [] {}), goro::on_recv(events, [](auto) {}));
}

void await_datagram(goro::net::udp_socket& socket) {
  std::byte one;
  static_cast<void>(socket.read({&one, 1}));
}

void work(const std::atomic<bool>& stop) {
  volatile unsigned sum = 0;
  while (!stop) {
    for (unsigned i = 0; i != 200'000; ++i) sum = sum + i;
    goro::this_goroutine::yield();
    goro::sleep_for(1ms);
  }
}

struct crowd {
  goro::chan<int> requests;
  goro::mutex session;
  goro::cancellable_context life = goro::with_cancel(goro::background());
  goro::net::udp_socket socket = goro::net::udp_socket::bind("127.0.0.1:0").value();
  std::atomic<bool> stop{false};

  void assemble(bool quiet) {
    session.lock();
    for (int i = 0; i != 4000; ++i) goro::go([this] { handle_requests(requests); });
    for (int i = 0; i != 3000; ++i) goro::go([] { refresh_cache(); });
    for (int i = 0; i != 1500; ++i) goro::go([this] { hold_session(session); });
    for (int i = 0; i != 1000; ++i) goro::go([this] { await_shutdown(life.ctx, requests); });
    for (int i = 0; i != 499; ++i) goro::go([this] { await_datagram(socket); });
    goro::go(goro::go_options{}.name("<img src=x onerror=alert(1)>"), [this] { handle_requests(requests); });
    for (int i = 0; i != 3 && !quiet; ++i)
      goro::go(goro::go_options{}.name("worker " + std::to_string(i)), [this] { work(stop); });
  }
};

bool waits(const goro::diag::goroutine_info& g) { return g.state != "running" && g.state != "runnable"; }

void count() {
  std::map<std::pair<std::string, std::string>, int> groups;
  for (const auto& g : goro::diag::goroutines()) {
    if (waits(g) && !g.name.starts_with("worker") && g.name != "goro page") ++groups[{g.state, g.created_at}];
  }
  for (const auto& [texts, n] : groups) std::cout << n << '\t' << texts.first << '\t' << texts.second << '\n';
  std::cout << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  return goro::run([&] {
    auto& all = *new crowd;  // of whom nobody ends before the process
    all.assemble(argc > 1 && std::string_view(argv[1]) == "--quiet");
    std::size_t parked = 0;
    while (parked < 10'000) {
      goro::sleep_for(1ms);
      parked = 0;
      for (const auto& g : goro::diag::goroutines()) parked += waits(g) ? 1U : 0U;
    }
    const auto page = goro::diag::serve("127.0.0.1:0").value();
    std::cout << page.url() << std::endl;
    std::string line;
    while (goro::blocking([&line] { return static_cast<bool>(std::getline(std::cin, line)); })) count();
    return 0;
  });
}
