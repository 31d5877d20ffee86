// net.hpp: endpoints. What sockets do is in tests/conformance/net_*_test.cpp.
#include <goro/net.hpp>

#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <string>
#include <string_view>

namespace {

using goro::errc;
using goro::net::endpoint;

TEST(Endpoint, texts_go_there_and_back) {
  for (const char* text : {"0.0.0.0:0", "127.0.0.1:80", "255.255.255.255:65535", "[::]:0", "[::1]:8080",
                           "[2001:db8::ff00:42:8329]:443", "[fe80::1%1]:22"}) {
    const auto e = endpoint::parse(text);
    ASSERT_TRUE(e) << text;
    EXPECT_EQ(to_string(*e), text);
    EXPECT_EQ(goro::net::to_string(*e), text);
    std::ostringstream out;
    out << *e;
    EXPECT_EQ(out.str(), text);
    EXPECT_EQ(endpoint::parse(to_string(*e)).value(), *e);
  }
}

TEST(Endpoint, other_spellings_mean_the_same) {
  const auto same = [](const char* a, const char* b) {
    EXPECT_EQ(endpoint::parse(a).value(), endpoint::parse(b).value()) << a;
  };
  same("[0:0:0:0:0:0:0:1]:80", "[::1]:80");
  same("[2001:DB8::1]:080", "[2001:db8::1]:80");
  same("[fe80::1%lo]:80", "[fe80::1%1]:80");
  same("[::ffff:192.0.2.1]:80", "192.0.2.1:80");
}

TEST(Endpoint, texts_that_are_none) {
  for (const char* text : {"",
                           ":",
                           ":80",
                           "80",
                           "1.2.3.4",
                           "1.2.3.4:",
                           "1.2.3:80",
                           "1.2.3.4.5:80",
                           "256.1.1.1:80",
                           "1.2.3.4:65536",
                           "1.2.3.4:-1",
                           "1.2.3.4:+1",
                           "1.2.3.4: 1",
                           "1.2.3.4:1 ",
                           " 1.2.3.4:1",
                           "1.2.3.4:http",
                           "1.2.3.4:0x50",
                           "localhost:80",
                           "host:99999",
                           "::1:80",
                           "[::1",
                           "[::1]",
                           "[::1]80",
                           "[::1]:",
                           "[::1:80",
                           "::1]:80",
                           "[]:80",
                           "[:::]:80",
                           "[::1]]:80",
                           "[[::1]]:80",
                           "[::1%]:80",
                           "[fe80::1%no-such-interface]:80",
                           "[fe80::1%0]:80",
                           "1.2.3.4%1:80",
                           "[::g]:80"}) {
    EXPECT_EQ(endpoint::parse(text).error(), errc::invalid_address) << text;
    EXPECT_EQ(endpoint::parse(text).error(), std::errc::invalid_argument) << text;
  }
  EXPECT_EQ(endpoint::parse(std::string_view("1.2.3.4\0:80", 11)).error(), errc::invalid_address);
  EXPECT_EQ(endpoint::parse(std::string_view("1.2.3.4:80\0", 11)).error(), errc::invalid_address);
  EXPECT_EQ(endpoint::parse(std::string(100'000, '1') + ":80").error(), errc::invalid_address);
  EXPECT_EQ(endpoint::parse("[" + std::string(100'000, ':') + "]:80").error(), errc::invalid_address);
}

TEST(Endpoint, parts_and_order) {
  const endpoint none;
  EXPECT_EQ(to_string(none), "0.0.0.0:0");
  EXPECT_FALSE(none.is_v6());
  const auto e = endpoint::parse("[fe80::1%2]:22").value();
  EXPECT_TRUE(e.is_v6());
  EXPECT_EQ(e.address(), "fe80::1%2");
  EXPECT_EQ(e.port(), 22);
  EXPECT_EQ(e.with_port(23).port(), 23);
  EXPECT_EQ(e.with_port(23).with_port(22), e);
  EXPECT_NE(e, endpoint::parse("[fe80::1%1]:22").value());
  const std::set<endpoint> ordered{e, none, e.with_port(1), none};
  EXPECT_EQ(ordered.size(), 3U);
  EXPECT_TRUE(ordered.begin()->address() == "0.0.0.0");
}

}  // namespace
