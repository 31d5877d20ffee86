// Which requests are understood, and which hosts are this machine.
#include "page/request.hpp"

#include <gtest/gtest.h>

namespace {

using goro::detail::full_address;
using goro::detail::is_loopback;
using goro::detail::is_own_host;
using goro::detail::parse_target;

goro::net::endpoint at(const char* text) { return goro::net::endpoint::parse(text).value(); }

TEST(Request, target_is_taken_apart) {
  const auto t = parse_target("/api/goroutines.json?filter=chan%20a%26b+c&limit=12&x=y&z");
  ASSERT_TRUE(t);
  EXPECT_EQ(t->path, "/api/goroutines.json");
  EXPECT_EQ(t->filter, "chan a&b c");
  EXPECT_EQ(t->limit, 12U);
  EXPECT_FALSE(t->seconds);
  ASSERT_TRUE(parse_target("/"));
  EXPECT_EQ(parse_target("/?")->path, "/");
  EXPECT_EQ(parse_target("/trace.json?seconds=3")->seconds, 3U);
}

TEST(Request, malformed_targets_are_refused) {
  for (const char* bad :
       {"", "*", "example.org:80", "http://x/", "/%", "/%4", "/%zz", "/?filter=%", "/?limit=", "/?limit=-1",
        "/?limit=1x", "/?limit=99999999999999999999999", "/?seconds=a"}) {
    EXPECT_FALSE(parse_target(bad)) << bad;
  }
}

TEST(Request, a_port_alone_is_one_of_this_machine) {
  EXPECT_EQ(full_address(":6060"), "127.0.0.1:6060");
  EXPECT_EQ(full_address("6060"), "127.0.0.1:6060");
  EXPECT_EQ(full_address("0.0.0.0:1"), "0.0.0.0:1");
  EXPECT_EQ(full_address("[::]:1"), "[::]:1");
  EXPECT_EQ(full_address("host"), "host");
}

TEST(Request, loopback_is_known) {
  for (const char* here : {"127.0.0.1:1", "127.3.2.1:1", "[::1]:1"})
    EXPECT_TRUE(is_loopback(at(here))) << here;
  for (const char* all : {"0.0.0.0:1", "192.0.2.1:1", "[::]:1", "[2001:db8::1]:1", "[fe80::127.0.0.1]:1"})
    EXPECT_FALSE(is_loopback(at(all))) << all;
}

TEST(Request, hosts_of_this_machine) {
  const auto served = at("127.0.0.2:6060");
  for (const char* own :
       {"localhost", "LocalHost:1", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:9", "127.0.0.2:6060"})
    EXPECT_TRUE(is_own_host(own, served)) << own;
  for (const char* other :
       {"", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example:6060", "127.0.0.3", "[::2]",
        "::1", "evil:localhost", "localhost:80:80", "localhost ", "@localhost"})
    EXPECT_FALSE(is_own_host(other, served)) << other;
}

}  // namespace
