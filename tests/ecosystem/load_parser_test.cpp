// The load generator's parser of HTTP responses, whole and in pieces.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "../../examples/load_generator/latencies.hpp"
#include "load_responses.hpp"

namespace {

using load_test::outcome;
using load_test::read;

outcome read_every_way(std::string_view bytes, bool ends = false) {
  const outcome whole = read(bytes, bytes.size(), ends);
  for (std::size_t each = 1; each < bytes.size(); ++each) EXPECT_EQ(read(bytes, each, ends), whole) << each;
  return whole;
}

TEST(LoadParser, content_length) {
  const auto r = read_every_way("HTTP/1.1 200 OK\r\nA: b\r\ncontent-length:  5\r\n\r\nhelloHTTP/1.1 ");
  EXPECT_TRUE(r.done && r.keep_alive);
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.body, 5U);
  EXPECT_EQ(r.used, 50U);
  EXPECT_TRUE(read_every_way("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").done);
  EXPECT_TRUE(read_every_way("HTTP/1.1 204\r\n\r\n").done);
}

TEST(LoadParser, chunks) {
  const auto r = read_every_way(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\nA;x=1\r\n0123456789\r\n0\r\nT: "
      "1\r\n\r\n");
  EXPECT_TRUE(r.done && r.keep_alive);
  EXPECT_EQ(r.body, 15U);
}

TEST(LoadParser, who_closes) {
  EXPECT_FALSE(
      read_every_way("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: x, close\r\n\r\n").keep_alive);
  EXPECT_FALSE(read_every_way("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n").keep_alive);
  EXPECT_TRUE(
      read_every_way("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n").keep_alive);
  EXPECT_EQ(read_every_way("HTTP/1.1 200 OK\r\n\r\nall", true).body, 3U);
  EXPECT_TRUE(read_every_way("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nall", true).failed);
}

TEST(LoadParser, an_interim_response_is_passed_over) {
  const auto r = read_every_way("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
  EXPECT_EQ(r.status, 200);
  EXPECT_TRUE(r.done);
}

TEST(LoadParser, what_is_no_response) {
  for (const char* text :
       {"SSH-2.0\r\n", "HTTP/1.1 2000 OK\r\n", "HTTP/1.1 OK\r\n", "HTTP/2 200\r\n",
        "HTTP/1.1 200 OK\r\n: x\r\n", "HTTP/1.1 200 OK\r\nx\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1ffffffffffffffff\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n"}) {
    EXPECT_TRUE(read_every_way(text).failed) << text;
  }
  EXPECT_TRUE(read(std::string(20'000, 'x'), 100).failed);
  std::string endless = "HTTP/1.1 200 OK\r\n";
  while (endless.size() < 70'000) endless += "X: y\r\n";
  EXPECT_TRUE(read(endless, 100).failed);
}

TEST(LoadLatencies, percentiles_are_as_exact_as_the_buckets) {
  load::latencies all;
  for (int i = 1; i <= 100'000; ++i) all.add(std::chrono::nanoseconds(i * 1000));
  EXPECT_EQ(all.count(), 100'000U);
  EXPECT_EQ(all.max().count(), 100'000'000);
  for (const double p : {1.0, 50.0, 90.0, 99.0}) {
    EXPECT_NEAR(static_cast<double>(all.percentile(p).count()), p * 1e6, p * 1e6 / 60) << p;
  }
  EXPECT_EQ(all.percentile(100), all.max());
  load::latencies extremes;
  extremes.add(std::chrono::nanoseconds(0));
  extremes.add(std::chrono::nanoseconds::max());
  EXPECT_EQ(extremes.percentile(0).count(), 0);
  EXPECT_EQ(extremes.percentile(100), std::chrono::nanoseconds::max());
}

}  // namespace
