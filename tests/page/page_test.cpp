// page.hpp, spoken to over sockets: what it answers, to whom, and what it does not let a client do.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <goro/diag.hpp>
#include <goro/goro.hpp>
#include <goro/net.hpp>
#include <goro/page.hpp>

#include "os/temporary.hpp"
#include "support/fixture.hpp"
#include "support/net.hpp"
#include "support/trace_file.hpp"
#include "support/wait.hpp"

namespace {

using goro_test::json;
using goro_test::read_json;
using namespace std::chrono_literals;

struct Page : goro_test::net_test {};
INSTANTIATE_TEST_SUITE_P(Procs, Page, goro_test::all_procs());

struct answer {
  int status = 0;
  std::string head;
  std::string body;
  bool has(std::string_view line) const { return head.find("\r\n" + std::string(line)) != std::string::npos; }
};

answer taken_apart(const std::string& text) {
  answer a;
  const std::size_t end = text.find("\r\n\r\n");
  if (!text.starts_with("HTTP/1.1 ") || end == std::string::npos) {
    ADD_FAILURE() << "no answer: " << text;
    return a;
  }
  a.status = std::stoi(text.substr(9, 3));
  a.head = text.substr(0, end + 2);
  a.body = text.substr(end + 4);
  return a;
}

goro::net::tcp_conn dial(const goro::diag::live_page& page) {
  return goro::net::dial(goro::background(), page.address()).value();
}

// What one connection says to these bytes, up to its end.
std::string ask(const goro::diag::live_page& page, std::string_view bytes) {
  auto c = dial(page);
  EXPECT_FALSE(c.write(bytes).err);
  return goro_test::read_all(c);
}

answer request(const goro::diag::live_page& page, const std::string& method, const std::string& target,
               const std::string& more = "Host: localhost\r\n") {
  return taken_apart(ask(page, method + " " + target + " HTTP/1.1\r\n" + more + "Connection: close\r\n\r\n"));
}

answer get(const goro::diag::live_page& page, const std::string& target) {
  return request(page, "GET", target);
}

// A document that is as it should be.
json get_json(const goro::diag::live_page& page, const std::string& target) {
  const answer a = get(page, target);
  EXPECT_EQ(a.status, 200) << a.body;
  EXPECT_TRUE(a.has("Content-Type: application/json\r\n")) << a.head;
  return read_json(a.body);
}

goro::diag::live_page serve() { return goro::diag::serve("127.0.0.1:0").value(); }

std::size_t spawned_in(const std::string& trace) {
  const goro::detail::temporary_folder folder;
  std::ofstream(folder.path() + "/trace.json") << trace;
  return goro_test::read_trace(folder.path() + "/trace.json").spawned;
}

// n goroutines that wait in one place until the end of the scope.
class crowd {
 public:
  crowd(std::size_t n, std::string_view name) {
    for (std::size_t i = 0; i != n; ++i) {
      present_.add();
      goro::go(goro::go_options{}.name(name), [this] {
        gate_.recv();
        present_.done();
      });
    }
    EXPECT_TRUE(goro_test::all_park(name, n));
  }
  ~crowd() {
    gate_.close();
    present_.wait();
  }
  crowd(const crowd&) = delete;
  crowd& operator=(const crowd&) = delete;

 private:
  const goro::chan<int> gate_;
  goro::wait_group present_;
};

TEST_P(Page, tells_where_it_is) {
  goro_test::everywhere([] {
    auto page = serve();
    EXPECT_TRUE(page.address().starts_with("127.0.0.1:"));
    EXPECT_EQ(page.url(), "http://" + page.address() + "/");
    const std::string port = page.address().substr(page.address().find(':'));
    EXPECT_EQ(goro::diag::serve(port).error(), std::errc::address_in_use);
    EXPECT_EQ(goro::diag::serve("nonsense").error(), goro::errc::invalid_address);
    const auto moved = std::move(page);
    EXPECT_EQ(page.address(), "");  // NOLINT(bugprone-use-after-move): that is what it says
    EXPECT_EQ(get(moved, "/").status, 200);
  });
}

TEST_P(Page, the_end_of_the_handle_ends_it) {
  goro_test::everywhere([] {
    std::string address;
    std::vector<goro::net::tcp_conn> idle;
    {
      auto page = serve();
      address = page.address();
      for (int i = 0; i != 3; ++i) idle.push_back(dial(page));
      EXPECT_EQ(get(page, "/").status, 200);
      page.stop();
      page.stop();
    }
    for (auto& c : idle) EXPECT_EQ(goro_test::read_one(c).n, 0U);
    EXPECT_EQ(goro_test::parked_count("goro page"), 0U);
    EXPECT_FALSE(goro::net::dial(goro::background(), address));
  });
}

TEST_P(Page, the_page_stands_for_itself) {
  goro_test::in_goroutine([] {
    const auto page = serve();
    const answer a = get(page, "/");
    EXPECT_EQ(a.status, 200);
    EXPECT_TRUE(a.has("Content-Type: text/html; charset=utf-8\r\n"));
    EXPECT_TRUE(a.has("Content-Security-Policy: default-src 'none'; script-src 'sha256-"));
    EXPECT_NE(a.body.find("Permission is hereby granted"), std::string::npos) << "the licence of the library";
    for (const char* loads : {" src=\"", "@import", "url("})
      EXPECT_EQ(a.body.find(loads), std::string::npos) << loads;
  });
}

TEST_P(Page, every_answer_is_guarded) {
  goro_test::in_goroutine([] {
    const auto page = serve();
    for (const char* target :
         {"/", "/api/state.json", "/api/goroutines.json", "/metrics", "/dump.txt", "/nothing"}) {
      const answer a = get(page, target);
      EXPECT_EQ(a.status, std::string_view(target) == "/nothing" ? 404 : 200) << target;
      EXPECT_TRUE(a.has("Cache-Control: no-store\r\n")) << target;
      EXPECT_TRUE(a.has("X-Content-Type-Options: nosniff\r\n")) << target;
      EXPECT_TRUE(a.has("Content-Security-Policy: default-src 'none'")) << target;
      EXPECT_TRUE(a.has("Cross-Origin-Resource-Policy: same-origin\r\n")) << target;
      EXPECT_FALSE(a.has("Access-Control")) << target;
    }
  });
}

TEST_P(Page, state_agrees_with_the_runtime) {
  goro_test::in_goroutine([this] {
    const crowd those(100, "those who wait");
    const auto page = serve();
    const auto before = goro::stats();
    const json s = get_json(page, "/api/state.json");
    const auto after = goro::stats();
    EXPECT_EQ(s["max_procs"].count(), static_cast<std::uint64_t>(procs()));
    EXPECT_EQ(s["processors"].array.size(), static_cast<std::size_t>(procs()));
    EXPECT_EQ(s["address"].text(), page.address());
    EXPECT_TRUE(s["loopback"].boolean);
    EXPECT_GE(s["totals"]["switches"].count(), before.switches);
    EXPECT_LE(s["totals"]["switches"].count(), after.switches);
    EXPECT_GE(s["threads"]["total"].count(), 1U);
    std::uint64_t sum = 0;
    std::uint64_t waiting = 0;
    for (const json& g : s["goroutines"]["groups"].array) {
      sum += g["count"].count();
      if (g["count"].count() == 100) waiting += g["state"].text() == "chan receive" ? 1U : 0U;
    }
    EXPECT_EQ(sum, s["goroutines"]["total"].count());
    EXPECT_EQ(sum, s["goroutines"]["matching"].count());
    EXPECT_EQ(waiting, 1U);
  });
}

TEST_P(Page, shows_who_has_the_turn) {
  goro_test::in_goroutine([] {
    const auto page = serve();
    // Whoever answers may have lost its P, on a busy machine, at the moment of the look.
    EXPECT_TRUE(goro_test::eventually([&] {
      const json s = get_json(page, "/api/state.json");
      return std::ranges::any_of(s["processors"].array, [](const json& p) {
        return p["running"].type == json::kind::object && p["running"]["name"].text() == "goro page";
      });
    })) << "the one that answers";
  });
}

TEST_P(Page, filter_finds_name_state_place_and_number) {
  goro_test::in_goroutine([] {
    const crowd those(7, "Needle & <Thread>");
    const crowd others(5, "others");
    const auto page = serve();
    const auto matching = [&](const std::string& filter) {
      const json s = get_json(page, "/api/state.json?filter=" + filter);
      EXPECT_GE(s["goroutines"]["total"].count(), 12U);
      return s["goroutines"]["matching"].count();
    };
    EXPECT_EQ(matching("needle+%26+%3Cthread%3E"), 7U);
    EXPECT_EQ(matching("CHAN%20RECEIVE"), 12U);
    EXPECT_GE(matching("page_test.cpp"), 12U);
    EXPECT_EQ(matching("no%20such%20thing"), 0U);
    const json list = get_json(page, "/api/goroutines.json?filter=needle");
    ASSERT_EQ(list["goroutines"].array.size(), 7U);
    EXPECT_EQ(matching("%23" + std::to_string(list["goroutines"][0]["id"].count()) + "&x"), 1U);
  });
}

TEST_P(Page, labels_are_shown_and_found) {
  goro_test::in_goroutine([] {
    const goro::chan<int> never;
    goro::wait_group ended;
    ended.add();
    goro::go(goro::go_options{}.name("labelled").label("request", "4\"2"), [&] {
      never.recv();
      ended.done();
    });
    const crowd others(5, "others");
    ASSERT_TRUE(goro_test::all_park("labelled"));
    const auto page = serve();
    for (const char* by : {"place", "stack"}) {
      const json s =
          get_json(page, std::string("/api/state.json?filter=%22request%22&groups=") + by)["goroutines"];
      ASSERT_EQ(s["matching"].count(), 1U) << by;
      EXPECT_EQ(s["groups"][0]["oldest"][0]["labels"].text(), R"({"request":"4\"2"})") << by;
    }
    const json list = get_json(page, "/api/goroutines.json?filter=request");
    ASSERT_EQ(list["goroutines"].array.size(), 1U);
    EXPECT_EQ(list["goroutines"][0]["labels"]["request"].text(), "4\"2");
    never.close();
    ended.wait();
  });
}

TEST_P(Page, list_agrees_with_diag_goroutines) {
  goro_test::in_goroutine([] {
    const crowd those(50, "listed");
    const auto page = serve();
    const json list = get_json(page, "/api/goroutines.json?filter=listed");
    std::vector<goro::diag::goroutine_info> all = goro::diag::goroutines();
    std::erase_if(all, [](const auto& g) { return g.name != "listed"; });
    ASSERT_EQ(list["goroutines"].array.size(), all.size());
    EXPECT_EQ(list["matching"].count(), 50U);
    EXPECT_EQ(list["left_out"].count(), 0U);
    for (std::size_t i = 0; i != all.size(); ++i) {
      const json& g = list["goroutines"][i];
      EXPECT_EQ(g["id"].count(), all[i].id);
      EXPECT_EQ(g["name"].text(), "listed");
      EXPECT_EQ(g["state"].text(), all[i].state);
      EXPECT_EQ(g["created_at"].text(), all[i].created_at);
      EXPECT_EQ(g["creator"].count(), all[i].creator);
      EXPECT_EQ(g["stack_limit"].count(), all[i].stack_limit);
    }
  });
}

TEST_P(Page, what_is_left_out_is_said) {
  goro_test::in_goroutine([] {
    const crowd those(50, "many");
    const auto page = serve();
    const json some = get_json(page, "/api/goroutines.json?filter=many&limit=3");
    const json all = get_json(page, "/api/goroutines.json?filter=many&limit=50");
    ASSERT_EQ(some["goroutines"].array.size(), 3U);
    EXPECT_EQ(some["left_out"].count(), 47U);
    for (std::size_t i = 0; i != 3; ++i)
      EXPECT_EQ(some["goroutines"][i]["id"].count(), all["goroutines"][i]["id"].count()) << "the oldest";
    EXPECT_EQ(get_json(page, "/api/goroutines.json?limit=0")["goroutines"].array.size(), 0U);
  });
}

TEST_P(Page, names_are_text_whatever_they_are) {
  goro_test::in_goroutine([] {
    const std::string name = "\"},{\"x\":</script><img src=x onerror=alert(1)>\n\\\x01\xFF";
    const crowd one(1, name);
    const auto page = serve();
    const answer a = get(page, "/api/goroutines.json?filter=onerror");
    EXPECT_EQ(a.body.find_first_of("<>"), std::string::npos);
    const json list = read_json(a.body);
    ASSERT_EQ(list["goroutines"].array.size(), 1U);
    EXPECT_EQ(list["goroutines"][0]["name"].text(), name.substr(0, name.size() - 1) + "\xEF\xBF\xBD");
  });
}

TEST_P(Page, text_documents_are_those_of_diag) {
  goro_test::in_goroutine([] {
    const crowd those(3, "dumped");
    const auto page = serve();
    const answer dump = get(page, "/dump.txt");
    EXPECT_TRUE(dump.has("Content-Type: text/plain; charset=utf-8\r\n"));
    EXPECT_NE(dump.body.find("\"dumped\""), std::string::npos);
    EXPECT_NE(dump.body.find("[chan receive"), std::string::npos);
    const answer metrics = get(page, "/metrics");
    EXPECT_TRUE(metrics.has("Content-Type: text/plain; version=0.0.4"));
    EXPECT_NE(metrics.body.find("\ngoro_goroutines "), std::string::npos);
  });
}

TEST_P(Page, records_a_trace_for_one_at_a_time) {
  goro_test::in_goroutine([] {
    const auto page = serve();
    goro::wait_group ended;
    goro::chan<answer> answers(3);
    std::atomic<bool> stop{false};
    goro::wait_group ticking;
    ticking.go([&stop] {
      while (!stop) {
        goro::go([] {});
        goro::sleep_for(10ms);
      }
    });
    for (int i = 0; i != 3; ++i) ended.go([&] { answers.send(get(page, "/trace.json?seconds=1")); });
    ended.wait();
    stop = true;
    ticking.wait();
    answers.close();
    std::multiset<int> statuses;
    while (const auto a = answers.recv()) {
      statuses.insert(a->status);
      if (a->status != 200) continue;
      EXPECT_GT(spawned_in(a->body), 0U);
    }
    EXPECT_EQ(statuses, (std::multiset<int>{200, 409, 409}));
    EXPECT_EQ(get(page, "/trace.json?seconds=0").status, 400);
    EXPECT_EQ(get(page, "/trace.json?seconds=31").status, 400);
  });
}

TEST_P(Page, the_trace_of_the_program_comes_first) {
  goro_test::in_goroutine([] {
    const auto page = serve();
    const goro::detail::temporary_folder folder;
    ASSERT_FALSE(goro::diag::start_trace(folder.path() + "/own.json"));
    EXPECT_EQ(get(page, "/trace.json?seconds=1").status, 409);
    EXPECT_FALSE(goro::diag::stop_trace());
  });
}

TEST_P(Page, its_end_ends_a_recording) {
  goro_test::in_goroutine([] {
    auto page = serve();
    auto c = dial(page);
    EXPECT_FALSE(c.write("GET /trace.json?seconds=30 HTTP/1.1\r\nHost: localhost\r\n\r\n").err);
    EXPECT_TRUE(goro_test::eventually([] {
      return std::ranges::any_of(goro::diag::goroutines(),
                                 [](const auto& g) { return g.name == "goro page" && g.state == "select"; });
    })) << "it records";
    const auto start = goro::clock::now();
    page.stop();
    EXPECT_LT(goro::clock::now() - start, 20s);
  });
}

TEST_P(Page, groups_by_stack) {
  goro_test::in_goroutine([] {
    const crowd those(20, "stacked");
    const auto page = serve();
    const json by_stack = get_json(page, "/api/state.json?groups=stack&filter=stacked")["goroutines"];
    EXPECT_EQ(by_stack["by"].text(), "stack");
    EXPECT_EQ(by_stack["matching"].count(), 20U);
    ASSERT_EQ(by_stack["groups"].array.size(), 1U);
    const json& group = by_stack["groups"][0];
    EXPECT_EQ(group["count"].count(), 20U);
    EXPECT_EQ(group["oldest"].array.size(), 10U);
    EXPECT_LE(group["least_wait_s"].count(), group["most_wait_s"].count());
    const std::string dump = get(page, "/dump.txt").body;
    EXPECT_NE(group["stack"].text(), "");
    EXPECT_NE(dump.find(group["stack"].text()), std::string::npos)
        << "the same words: " << group["stack"].text();
    EXPECT_EQ(get_json(page, "/api/state.json?groups=none").object.count("goroutines"), 0U);
    EXPECT_EQ(get(page, "/api/state.json?groups=other").status, 400);
  });
}

TEST_P(Page, only_reading) {
  goro_test::in_goroutine([] {
    const auto page = serve();
    for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"}) {
      const answer a = request(page, method, "/");
      EXPECT_EQ(a.status, 405) << method;
      EXPECT_TRUE(a.has("Allow: GET, HEAD\r\n")) << method;
    }
    const answer body = request(page, "POST", "/", "Host: localhost\r\nContent-Length: 5\r\n");
    EXPECT_EQ(body.status, 405);
    const answer head = request(page, "HEAD", "/api/state.json");
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.body, "");
    EXPECT_TRUE(head.has("Content-Length: "));
    EXPECT_FALSE(head.has("Content-Length: 0\r\n"));
  });
}

TEST_P(Page, answers_to_names_of_this_machine_only) {
  goro_test::in_goroutine([] {
    const auto page = serve();
    const auto status = [&](const std::string& lines) {
      return request(page, "GET", "/api/state.json", lines).status;
    };
    EXPECT_EQ(status("Host: localhost:1\r\n"), 200);
    EXPECT_EQ(status("Host: " + page.address() + "\r\n"), 200);
    EXPECT_EQ(status("Host: [::1]:8080\r\n"), 200);
    EXPECT_EQ(status("Host: evil.example\r\n"), 403);
    EXPECT_EQ(status("Host: localhost.evil.example\r\n"), 403);
    EXPECT_EQ(status("Host: localhost\r\nHost: evil.example\r\n"), 400);
    EXPECT_EQ(status("Host:\r\n"), 400);
    EXPECT_EQ(status(""), 400);
    EXPECT_EQ(status("Host: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n"), 403);
    EXPECT_EQ(status("Host: localhost\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\n"), 200);
    const char* link = "Host: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n";
    EXPECT_EQ(request(page, "GET", "/", link).status, 200);
    EXPECT_EQ(request(page, "GET", "/dump.txt", link).status, 403);
  });
}

TEST_P(Page, one_connection_serves_many_requests) {
  goro_test::in_goroutine([] {
    const auto page = serve();
    std::string requests;
    for (int i = 0; i != 5; ++i) requests += "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n";
    requests += "GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    const std::string answers = ask(page, requests);
    std::size_t n = 0;
    for (std::size_t at = 0; (at = answers.find("HTTP/1.1 404", at)) != std::string::npos; ++at) ++n;
    EXPECT_EQ(n, 6U);
  });
}

TEST_P(Page, refuses_what_is_too_long_or_no_request) {
  goro_test::in_goroutine([] {
    const auto page = serve();
    const std::string much(64 * 1024, 'a');
    const auto status = [&](const std::string& bytes) { return taken_apart(ask(page, bytes)).status; };
    EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: localhost\r\nX: " + much + "\r\n\r\n"), 431);
    EXPECT_EQ(status("GET /" + much + " HTTP/1.1\r\n\r\n"), 431);
    EXPECT_EQ(status("\x16\x03\x01 hello\r\n\r\n"), 400);
    EXPECT_EQ(status("GET /%zz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"), 400);
    EXPECT_EQ(status("GET /?limit=x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"), 400);
    EXPECT_EQ(get(page, "/").status, 200) << "and others are served";
  });
}

TEST_P(Page, holds_a_bounded_number_of_connections) {
  goro_test::in_goroutine([this] {
    const auto page = serve();
    std::vector<goro::net::tcp_conn> many;
    for (int i = 0; i != 100; ++i) many.push_back(dial(page));
    EXPECT_TRUE(goro_test::all_park("goro page", 33));
    EXPECT_EQ(alive(), 1U + 33U) << "this one, who accepts, and the connections";
    many.clear();
    EXPECT_EQ(get(page, "/").status, 200);
  });
}

TEST_P(Page, serves_several_at_once) {
  goro_test::in_goroutine([] {
    const auto page = serve();
    goro::wait_group ended;
    for (int i = 0; i != 20; ++i) {
      ended.go([&page, i] {
        if (i % 2 == 0) {
          EXPECT_GE(get_json(page, "/api/state.json?filter=page")["goroutines"]["total"].count(), 1U);
        } else {
          EXPECT_EQ(get(page, "/dump.txt").status, 200);
        }
      });
    }
    ended.wait();
  });
}

}  // namespace
