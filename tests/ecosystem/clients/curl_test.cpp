// The easy interface of libcurl in goroutines, against a server that is goroutines of the same process, and
// against examples/http_server.
#include <curl/curl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <memory>
#include <numeric>
#include <string>

#include <goro/goro.hpp>
#include <goro/net.hpp>

#include "ecosystem/clients/company.hpp"
#include "ecosystem/clients/http_server.hpp"
#include "ecosystem/web/server_process.hpp"
#include "support/fixture.hpp"

namespace {

using goro_test::company;
using goro_test::eventually;
using goro_test::http_request;
using goro_test::in_goroutine;
using goro_test::k_clients;
using namespace std::chrono_literals;

constexpr int k_rounds = 10;
constexpr std::chrono::milliseconds k_slow = goro_test::k_waits_of_each / 2;  // each asks for it twice

struct Curl : goro_test::procs_test {
  // Once, before there is a goroutine that may call curl: two first calls at once would be a race.
  static void SetUpTestSuite() { ASSERT_EQ(::curl_global_init(CURL_GLOBAL_DEFAULT), CURLE_OK); }
  static void TearDownTestSuite() { ::curl_global_cleanup(); }

  void SetUp() override {
    ASSERT_TRUE(goro::net::listen("127.0.0.1:0"));  // the first socket of all opens what stays open
    procs_test::SetUp();
  }
};
INSTANTIATE_TEST_SUITE_P(Procs, Curl, testing::Values(2));

std::size_t collect(const char* data, std::size_t one, std::size_t size, void* into) {
  static_cast<std::string*>(into)->append(data, one * size);
  return one * size;
}

// Straight-line code as anybody writes it who knows nothing of goroutines.
class client {
 public:
  explicit client(std::uint16_t port) : base_("http://127.0.0.1:" + std::to_string(port)) {
    set(CURLOPT_NOSIGNAL, 1L);  // a time limit by SIGALRM would jump out of whatever runs on the thread then
    set(CURLOPT_PROXY, "");     // whatever the environment says
    set(CURLOPT_TIMEOUT, 40L);
    set(CURLOPT_WRITEFUNCTION, collect);
    set(CURLOPT_WRITEDATA, &body_);
  }

  std::string get(const std::string& target) {
    set(CURLOPT_HTTPGET, 1L);
    expect_ok(perform(target), target);
    return body_;
  }

  // With a time limit of its own.
  CURLcode try_get(const std::string& target, std::chrono::milliseconds limit) {
    set(CURLOPT_HTTPGET, 1L);
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(limit.count()));
    return perform(target);
  }

  std::string post(const std::string& target, const std::string& what) {
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDSIZE, static_cast<long>(what.size()));
    set(CURLOPT_POSTFIELDS, what.c_str());
    expect_ok(perform(target), target);
    return body_;
  }

 private:
  struct closer {
    void operator()(CURL* c) const noexcept { ::curl_easy_cleanup(c); }
  };

  template <class T>
  void set(CURLoption option, T value) {
    EXPECT_EQ(::curl_easy_setopt(easy_.get(), option, value), CURLE_OK);
  }

  CURLcode perform(const std::string& target) {
    body_.clear();
    set(CURLOPT_URL, (base_ + target).c_str());
    return ::curl_easy_perform(easy_.get());
  }

  static void expect_ok(CURLcode code, const std::string& target) {
    EXPECT_EQ(code, CURLE_OK) << target << ": " << ::curl_easy_strerror(code);
  }

  const std::string base_;
  std::string body_;
  std::unique_ptr<CURL, closer> easy_{::curl_easy_init()};
};

// Of 2 to 60 KB, another one for each number.
std::string text_of(const std::string& number) {
  const std::size_t n = std::stoul(number);
  std::string text(2000 + n * 7919 % 58'000, static_cast<char>('a' + n % 26));
  return text.replace(0, number.size(), number);
}

std::string sum_of(const std::string& bytes) {
  return std::to_string(std::accumulate(
      bytes.begin(), bytes.end(), 0L, [](long sum, char c) { return sum + static_cast<unsigned char>(c); }));
}

// What the server does: a gate at which all stop until it is opened, one slow answer, texts and sums.
struct site {
  std::atomic<int> at_gate{0};
  std::atomic<int> answers{0};
  const goro::chan<int> gate;  // closed when it is open

  std::string answer(const http_request& request) {
    if (request.target == "/gate") {
      ++at_gate;
      gate.recv();
    } else if (request.target == "/slow") {
      goro::sleep_for(k_slow);
    } else if (request.target == "/sum") {
      ++answers;
      return sum_of(request.body);
    } else {
      ++answers;
      return text_of(request.target.substr(1));
    }
    return request.target;
  }
};

void work(client& http, int me) {
  EXPECT_EQ(http.get("/gate"), "/gate");
  EXPECT_EQ(http.get("/slow"), "/slow");
  EXPECT_EQ(http.get("/slow"), "/slow");
  for (int i = 0; i != k_rounds; ++i) {
    const std::string number = std::to_string(me * k_rounds + i);
    const std::string text = http.get("/" + number);
    EXPECT_TRUE(text == text_of(number)) << number;
    EXPECT_EQ(http.post("/sum", text), sum_of(text));
  }
}

TEST_P(Curl, SCHED_20_blocking_calls_of_libcurl_cost_a_thread_each_and_nobody_the_turn) {
  in_goroutine([] {
    site s;
    goro_test::http_server server([&s](const http_request& request) { return s.answer(request); });
    company beside;
    goro::wait_group ended;
    for (int me = 0; me != k_clients; ++me) {
      ended.go([me, port = server.port()] {
        client http(port);
        work(http, me);
      });
    }
    EXPECT_TRUE(eventually([&s] { return s.at_gate == k_clients; }, goro_test::k_time_to_gather));
    // The last of them has sent its request, and is about to wait for the answer.
    EXPECT_GE(goro_test::count_threads(), std::size_t{k_clients});

    const goro::time_point opened = goro::clock::now();
    s.gate.close();
    ended.wait();
    beside.expect_undisturbed(opened);
    EXPECT_EQ(s.answers, k_clients * k_rounds * 2);
  });
}

TEST_P(Curl, a_time_limit_of_libcurl_ends_the_call_of_that_goroutine_only) {
  in_goroutine([] {
    site s;
    goro_test::http_server server([&s](const http_request& request) { return s.answer(request); });
    goro::wait_group ended;
    for (int me = 0; me != 16; ++me) {
      ended.go([me, port = server.port()] {
        client http(port);
        if (me % 2 == 0) {
          EXPECT_EQ(http.try_get("/gate", 100ms), CURLE_OPERATION_TIMEDOUT);
        } else {
          EXPECT_EQ(http.get("/slow"), "/slow");
        }
      });
    }
    ended.wait();
    s.gate.close();  // for the server's goroutines, which nobody listens to any more
  });
}

#if defined(GORO_TEST_SERVERS_DIR)  // the example needs Boost

// A folder with one file in it.
class site_folder {
 public:
  explicit site_folder(const std::string& content) {
    std::filesystem::create_directories(path_);
    EXPECT_TRUE(std::ofstream(path_ / "file.txt") << content);
  }
  ~site_folder() { std::filesystem::remove_all(path_); }
  site_folder(const site_folder&) = delete;
  site_folder& operator=(const site_folder&) = delete;
  std::string path() const { return path_.string(); }

 private:
  const std::filesystem::path path_ =
      std::filesystem::path(testing::TempDir()) / ("goro_curl_" + std::to_string(::getpid()));
};

void ask_the_example(client& http, const std::string& content) {
  const std::string slow = std::to_string(k_slow.count());
  for (int i = 0; i != 2; ++i) EXPECT_EQ(http.get("/slow?ms=" + slow), "that took " + slow + " ms\n");
  for (int i = 0; i != k_rounds; ++i) {
    EXPECT_TRUE(http.get("/file.txt") == content);
    EXPECT_NE(http.get("/api/stats").find("{\"goroutines\":"), std::string::npos);
  }
}

TEST_P(Curl, two_hundred_clients_of_the_example_server) {
  const std::string content = text_of("5");
  const site_folder folder(content);
  goro_test::server_process server("http_server", {"--root", folder.path(), "--request-timeout", "30s"});
  const auto port =
      static_cast<std::uint16_t>(std::stoi(server.address().substr(server.address().rfind(':') + 1)));
  in_goroutine([&] {
    company beside;
    goro::wait_group connected;
    goro::wait_group ended;
    const goro::chan<int> gate;  // closed when it is open
    connected.add(k_clients);
    for (int me = 0; me != k_clients; ++me) {
      ended.go([&] {
        client http(port);
        EXPECT_TRUE(http.get("/file.txt") == content);
        connected.done();
        gate.recv();
        ask_the_example(http, content);
      });
    }
    connected.wait();
    const goro::time_point opened = goro::clock::now();
    gate.close();
    ended.wait();
    beside.expect_undisturbed(opened);
  });
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0);
}

#endif

}  // namespace
