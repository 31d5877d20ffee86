// http_server against clients that are hostile, slow, or many.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include <goro/goro.hpp>

#include "server_process.hpp"
#include "support/wait.hpp"

namespace {

using goro_test::server_process;
using namespace std::chrono_literals;

constexpr std::string_view k_stats = "GET /api/stats HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

std::string status_of(const std::string& answer) {
  return answer.starts_with("HTTP/1.") && answer.size() > 12 ? answer.substr(9, 3) : "none: " + answer;
}

std::string get(const server_process& s, const std::string& target) {
  return s.ask("GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
}

void expect_well(const server_process& s) { EXPECT_EQ(status_of(s.ask(k_stats)), "200"); }

// A folder with a file, beside one that is nobody's business.
class some_files {
 public:
  some_files() {
    std::string name = (std::filesystem::temp_directory_path() / "goro_web_XXXXXX").string();
    root_ = mkdtemp(name.data());
    std::filesystem::create_directory(root_ / "site");
    std::ofstream(root_ / "site" / "a b.txt") << "text";
    std::ofstream(root_ / "secret") << "SECRET";
    std::filesystem::create_symlink("../secret", root_ / "site" / "link");
    std::filesystem::create_directory_symlink("..", root_ / "site" / "up");
  }
  ~some_files() { std::filesystem::remove_all(root_); }
  some_files(const some_files&) = delete;
  some_files& operator=(const some_files&) = delete;
  std::string site() const { return (root_ / "site").string(); }

 private:
  std::filesystem::path root_;
};

TEST(HttpServer, only_files_of_the_folder) {
  const some_files files;
  const server_process s("http_server", {"--root", files.site()});
  EXPECT_TRUE(get(s, "/a%20b.txt").ends_with("\r\n\r\ntext"));
  for (const char* target : {"/../secret", "/%2e%2e/secret", "/..%2fsecret", "/a/../../secret", "/link",
                             "/up/secret", "/a%20b.txt/", "//../secret", "/./../secret",
                             "/a%20b.txt/../../secret", "/%00", "/%zz", "/%", "/", "/."}) {
    const std::string answer = get(s, target);
    EXPECT_EQ(status_of(answer), "404") << target;
    EXPECT_EQ(answer.find("SECRET"), std::string::npos) << target;
  }
}

// What a connection that stays has to say to a HEAD.
std::string head(goro::net::tcp_conn& conn, const std::string& target) {
  EXPECT_TRUE(conn.write("HEAD " + target + " HTTP/1.1\r\nHost: x\r\n\r\n"));
  std::string answer(4096, '\0');
  answer.resize(conn.read(std::as_writable_bytes(std::span(answer))).n);
  return answer;
}

TEST(HttpServer, a_file_that_cannot_be_opened_now_is_not_missing) {
  const some_files files;
  const server_process s("http_server", {"--root", files.site()});
  auto conn = s.dial();
  EXPECT_EQ(status_of(head(conn, "/a%20b.txt")), "200");
  s.forbid_descriptors();
  EXPECT_EQ(status_of(head(conn, "/a%20b.txt")), "503");
  EXPECT_EQ(status_of(head(conn, "/..")), "503");
  s.allow_descriptors();
  EXPECT_EQ(status_of(head(conn, "/a%20b.txt")), "200");
  EXPECT_EQ(status_of(head(conn, "/none")), "404");
}

TEST(HttpServer, what_is_malformed_is_refused) {
  const server_process s("http_server");
  EXPECT_EQ(status_of(s.ask("nonsense\r\n\r\n")), "400");
  EXPECT_EQ(status_of(s.ask("GET / HTTP/1.1\r\nno colon\r\n\r\n")), "400");
  EXPECT_EQ(status_of(s.ask("GET / HTTP/9.9\r\n\r\n")), "400");
  EXPECT_EQ(status_of(s.ask("POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n")), "400");
  EXPECT_EQ(status_of(s.ask("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")), "400");
  // With an end that Beast does not know there is none, and what follows is no request.
  for (const char* codings : {"xchunked", "chunked, x", "chunked\r\nTransfer-Encoding: x", "identity"}) {
    const std::string answer = s.ask(std::string("POST / HTTP/1.1\r\nTransfer-Encoding: ") + codings +
                                     "\r\n\r\n" + std::string(k_stats));
    EXPECT_EQ(status_of(answer), "400") << codings;
    EXPECT_EQ(answer.find("HTTP/1.1 200"), std::string::npos) << codings;
  }
  EXPECT_EQ(status_of(s.ask(std::string(100, '\0') + "\r\n\r\n")), "400");
  EXPECT_EQ(status_of(s.ask("POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")), "405");
  EXPECT_EQ(status_of(s.ask("POST / HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n")), "413");
  EXPECT_EQ(
      status_of(s.ask("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;" + std::string(100'000, 'x'))),
      "413");
  expect_well(s);
}

TEST(HttpServer, what_is_endless_is_refused_with_bounded_memory) {
  const server_process s("http_server");
  expect_well(s);
  const long before = s.peak_kb();
  std::string lines = "GET / HTTP/1.1\r\n";
  while (lines.size() < 10'000'000) lines += "X-Field: something that goes on and on\r\n";
  goro::wait_group all;
  for (int i = 0; i < 8; ++i) {
    all.go([&] { EXPECT_EQ(status_of(s.ask("GET /" + std::string(10'000'000, 'a'))), "414"); });
    all.go([&] { EXPECT_EQ(status_of(s.ask(lines)), "431"); });
    all.go(
        [&] { EXPECT_EQ(status_of(s.ask("GET / HTTP/1.1\r\nX: " + std::string(10'000'000, 'a'))), "431"); });
    all.go([&] {
      const std::string chunk = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n989680\r\n";
      EXPECT_EQ(status_of(s.ask(chunk + std::string(10'000'000, 'b'))), "413");
    });
  }
  all.wait();
  expect_well(s);
  // 320 MB were sent.
  EXPECT_LT(s.peak_kb() - before, 40'000);
}

TEST(HttpServer, who_is_slow_is_cut_off) {
  const server_process s("http_server", {"--header-timeout", "300ms", "--idle-timeout", "300ms"});
  auto slow = s.dial();
  ASSERT_TRUE(slow.write("GET / HTTP/1.1\r\nX: "));
  std::atomic<bool> over{false};
  goro::wait_group drip;  // a byte now and then does not help
  drip.go([&] {
    while (!over && slow.write("a")) goro::sleep_for(50ms);
  });
  EXPECT_EQ(status_of(goro_test::read_all(slow)), "408");
  over = true;
  drip.wait();

  auto idle = s.dial();
  ASSERT_TRUE(idle.write("GET /api/stats HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_EQ(status_of(goro_test::read_all(idle)), "200");  // and then the end, since nothing followed
  expect_well(s);
}

// What the kernel has queued lasts this client for longer than the server waits for one that does not read.
// Its own queue is small, so that what it reads is told to the server soon (examples/common/send_queue.hpp).
TEST(HttpServer, who_reads_slowly_gets_all) {
  constexpr std::size_t k_size = 20'000'000;
  const some_files files;
  std::ofstream(files.site() + "/large") << std::string(k_size, 'x');
  const server_process s("http_server", {"--root", files.site()});
  auto conn = s.dial();
  const int queue = 1 << 16;
  ASSERT_EQ(setsockopt(conn.native_handle(), SOL_SOCKET, SO_RCVBUF, &queue, sizeof queue), 0);
  ASSERT_TRUE(conn.write("GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  std::string answer;
  std::array<char, 40'000> piece{};
  for (int i = 0; i < 24; ++i) {
    answer.append(piece.data(), conn.read_full(std::as_writable_bytes(std::span(piece))).n);
    goro::sleep_for(500ms);
  }
  answer += goro_test::read_all(conn);
  EXPECT_EQ(answer.size() - answer.find("\r\n\r\n") - 4, k_size);
}

TEST(HttpServer, the_context_limits_a_request) {
  const server_process s("http_server", {"--request-timeout", "200ms"});
  EXPECT_EQ(status_of(get(s, "/slow?ms=1")), "200");
  EXPECT_EQ(status_of(get(s, "/slow?ms=60000")), "503");
  EXPECT_EQ(status_of(get(s, "/slow?ms=x")), "400");
  EXPECT_EQ(status_of(get(s, "/slow?ms=99999999999")), "400");
}

TEST(HttpServer, who_asks_before_sending_is_told_to_go_on) {
  const server_process s("http_server");
  for (const char* word : {"100-continue", "100-Continue"}) {
    EXPECT_EQ(status_of(s.ask(std::string("POST / HTTP/1.1\r\nExpect: ") + word +
                              "\r\nContent-Length: 1\r\nConnection: close\r\n\r\na")),
              "100");
  }
}

TEST(HttpServer, several_requests_on_one_connection) {
  const server_process s("http_server");
  const std::string request = "GET /api/stats HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string answers = s.ask(request + request + std::string(k_stats));
  std::size_t n = 0;
  for (std::size_t at = 0; (at = answers.find("HTTP/1.1 200", at)) != std::string::npos; ++at) ++n;
  EXPECT_EQ(n, 3U);
}

TEST(HttpServer, the_limit_of_connections_makes_others_wait) {
  const server_process s("http_server", {"--connections", "2", "--idle-timeout", "200ms"});
  goro::wait_group all;
  for (int i = 0; i < 20; ++i) all.go([&] { EXPECT_EQ(status_of(get(s, "/slow?ms=20")), "200"); });
  all.wait();
}

// All have connected and most are being worked on when the signal comes; some have not even said what they
// want.
TEST(HttpServer, a_signal_amid_200_requests_loses_none) {
  for (const int number : {SIGTERM, SIGINT}) {
    server_process s("http_server");
    constexpr int k_requests = 200;
    std::atomic<int> ready{0};
    std::atomic<int> answered{0};
    goro::chan<goro::unit> signalled;
    goro::wait_group all;
    for (int i = 0; i < k_requests; ++i) {
      all.go([&, i] {
        auto conn = s.dial();
        const std::string half = "GET /slow?ms=" + std::to_string(100 + i * 2) + " HTTP/1.1\r\nHost: x\r\n";
        const bool late = i % 4 == 0;
        EXPECT_TRUE(conn.write(late ? half : half + "\r\n"));
        ++ready;
        signalled.recv();
        if (late) {
          EXPECT_TRUE(conn.write("\r\n"));
        }
        const std::string answer = goro_test::read_all(conn);
        answered += answer.ends_with(" ms\n") && status_of(answer) == "200";
      });
    }
    // Idle ones of before are no reason to stay.
    auto idle = s.dial();
    ASSERT_TRUE(idle.write("GET /api/stats HTTP/1.1\r\nHost: x\r\n\r\n"));
    ASSERT_TRUE(goro_test::eventually([&] { return ready == k_requests; }));
    s.signal(number);
    signalled.close();
    all.wait();
    EXPECT_EQ(answered, k_requests);
    EXPECT_EQ(status_of(goro_test::read_all(idle)), "200");
    EXPECT_EQ(s.wait(), 0);
  }
}

TEST(HttpServer, the_grace_has_an_end) {
  server_process s("http_server", {"--grace", "200ms", "--request-timeout", "60000ms"});
  auto conn = s.dial();
  ASSERT_TRUE(conn.write("GET /slow?ms=50000 HTTP/1.1\r\nHost: x\r\n\r\n"));
  auto another = s.dial();
  ASSERT_TRUE(another.write(k_stats));
  EXPECT_EQ(status_of(goro_test::read_all(another)), "200");
  s.signal(SIGTERM);
  EXPECT_EQ(s.wait(), 1);
}

// One has the only place, the other one waits for it when the signal comes.
TEST(HttpServer, who_waits_for_a_place_at_the_end) {
  for (const bool in_time : {true, false}) {
    server_process s("http_server", {"--connections", "1", "--grace", in_time ? "20000ms" : "200ms",
                                     "--request-timeout", "60000ms"});
    auto first = s.dial();
    ASSERT_TRUE(first.write("GET /slow?ms=" + std::string(in_time ? "300" : "50000") +
                            " HTTP/1.1\r\nHost: x\r\n\r\n"));
    goro::sleep_for(50ms);
    auto second = s.dial();
    ASSERT_TRUE(second.write(k_stats));
    goro::sleep_for(50ms);
    s.signal(SIGTERM);
    if (in_time) {
      EXPECT_EQ(status_of(goro_test::read_all(first)), "200");
      static_cast<void>(first.close());
      EXPECT_EQ(status_of(goro_test::read_all(second)), "200");
      static_cast<void>(second.close());
    }
    EXPECT_EQ(s.wait(), in_time ? 0 : 1);
  }
}

}  // namespace
