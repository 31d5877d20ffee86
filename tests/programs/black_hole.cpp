// `black_hole`: goroutines that look a name up where nobody answers, beside one that wants its turn every
// millisecond. In a program of its own, because it decides for the whole process where names come from.
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <nss.h>
#include <resolv.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>

#include <goro/goro.hpp>

namespace {

using namespace std::chrono_literals;

constexpr int k_lookups = 20;

// A name server on this machine that says nothing; what is asked waits in its socket.
class black_hole {
 public:
  black_hole() {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address_;
    good_ = ::bind(socket_, reinterpret_cast<const sockaddr*>(&address_), size) == 0 &&
            ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address_), &size) == 0;
  }
  ~black_hole() { ::close(socket_); }
  black_hole(const black_hole&) = delete;
  black_hole& operator=(const black_hole&) = delete;

  bool good() const { return good_; }
  const sockaddr_in& address() const { return address_; }

  // How many questions have come since the last call.
  int questions() {
    std::array<char, 512> question{};
    int n = 0;
    while (::recv(socket_, question.data(), question.size(), MSG_DONTWAIT) > 0) ++n;
    return n;
  }

 private:
  int socket_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address_{};
  bool good_ = false;
};

// Who is asked, and for how long, is the thread's (glibc's _res). The goroutine stays on its thread as long
// as it does not call goro, with or without a P; before that the thread gets back what it had.
int look_up(const sockaddr_in& server) {
  ::res_init();
  _res.nsaddr_list[0] = server;
  _res.nscount = 1;
  _res.retrans = 1;  // one second
  _res.retry = 1;    // once
  addrinfo hints{};
  hints.ai_family = AF_INET;  // one question
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error =
      ::getaddrinfo("black-hole.test.", nullptr, &hints, &found);  // the dot: nothing is appended
  if (error == 0) ::freeaddrinfo(found);
  ::res_init();
  return error;
}

long in_ms(goro::clock::duration d) {
  return static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(d).count());
}

int look_all_up(black_hole& server) {
  std::atomic<int> no_answer{0};
  std::atomic<int> running{k_lookups};
  goro::wait_group ended;
  const auto begin = goro::clock::now();
  for (int i = 0; i < k_lookups; ++i) {
    ended.go([&] {
      no_answer += look_up(server.address()) == EAI_AGAIN;
      --running;
    });
  }
  goro::clock::duration latest{};
  int turns = 0;
  for (; running != 0; ++turns) {
    const auto due = goro::clock::now() + 1ms;
    goro::sleep_until(due);
    latest = std::max(latest, goro::clock::now() - due);
  }
  ended.wait();
  std::printf("%d questions, %d without an answer, after %ld ms\n", server.questions(), no_answer.load(),
              in_ms(goro::clock::now() - begin));
  std::printf("%d turns, at most %ld ms late\n", turns, in_ms(latest));
  return 0;
}

}  // namespace

int main() {
  black_hole server;
  if (!server.good() || ::__nss_configure_lookup("hosts", "dns") != 0) return 99;
  return goro::run([&server] { return look_all_up(server); });
}
