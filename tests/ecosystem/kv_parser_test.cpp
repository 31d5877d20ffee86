// The parser of the key-value server: what is a request, what is not yet one, and what never will be.

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "kv_commands.hpp"

namespace {

using namespace std::string_literals;
using kv_test::read_at_once;
using kv_test::read_in_pieces;
using requests = std::vector<std::vector<std::string>>;

std::string array(std::initializer_list<std::string_view> words) {
  std::string s = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string_view w : words)
    s += "$" + std::to_string(w.size()) + "\r\n" + std::string(w) + "\r\n";
  return s;
}

TEST(KvParser, an_array_of_bulk_strings_is_a_request) {
  const auto r = read_at_once(array({"SET", "key", "a\r\nvalue\0with anything"s}));
  EXPECT_EQ(r.requests, (requests{{"SET", "key", "a\r\nvalue\0with anything"s}}));
  EXPECT_EQ(r.error, "");
  EXPECT_EQ(r.rest, 0U);
}

TEST(KvParser, several_in_one_buffer_and_the_beginning_of_another) {
  const auto r = read_at_once(array({"GET", "a"}) + array({"GET", ""}) + "PING\r\n*2\r\n$3\r\nGE");
  EXPECT_EQ(r.requests, (requests{{"GET", "a"}, {"GET", ""}, {"PING"}}));
  EXPECT_EQ(r.rest, 10U);
}

TEST(KvParser, words_on_a_line) {
  EXPECT_EQ(read_at_once("  set \t key  value \r\n").requests, (requests{{"set", "key", "value"}}));
  EXPECT_EQ(read_at_once("get key\n").requests, (requests{{"get", "key"}}));  // by hand, over a terminal
  EXPECT_EQ(read_at_once("\r\n\n  \r\n").requests, requests{});
}

TEST(KvParser, quoted_words_on_a_line) {
  EXPECT_EQ(read_at_once(R"(set "a key" 'it''s')"
                         "\r\n")
                .error,
            "Protocol error: unbalanced quotes in request");
  EXPECT_EQ(read_at_once("set \"a \\\"key\\\"\\x41\\n\" 'it\\'s \\n' \"\"\r\n").requests,
            (requests{{"set", "a \"key\"A\n", "it's \\n", ""}}));
  EXPECT_EQ(read_at_once("set \"a\r\n").error, "Protocol error: unbalanced quotes in request");
}

TEST(KvParser, arrays_of_nothing_are_passed_over) {
  EXPECT_EQ(read_at_once("*0\r\n*-1\r\n" + array({"PING"})).requests, (requests{{"PING"}}));
}

TEST(KvParser, lengths_that_make_no_sense) {
  const std::string array_error = "Protocol error: invalid multibulk length";
  const std::string bulk_error = "Protocol error: invalid bulk length";
  for (const char* n : {"-2", "21", "99999999999999999999999999", "x", "", "1 ", " 1", "+1", "1\r2", "0x1"}) {
    EXPECT_EQ(read_at_once("*"s + n + "\r\n").error, array_error) << n;
  }
  for (const char* n : {"-1", "201", "9223372036854775807", "99999999999999999999", "x", "", "1 "}) {
    EXPECT_EQ(read_at_once("*1\r\n$"s + n + "\r\n").error, bulk_error) << n;
  }
  EXPECT_EQ(read_at_once("*1\n").error, array_error);
  EXPECT_EQ(read_at_once("*" + std::string(40, '1')).error, array_error);  // without waiting for its end
}

TEST(KvParser, the_limits_themselves_are_allowed) {
  const std::string full(200, 'x');
  EXPECT_EQ(read_at_once(array({"SET", full})).requests, (requests{{"SET", full}}));
  EXPECT_EQ(read_at_once(array({"SET", full, full})).requests.size(), 1U);
  EXPECT_EQ(read_at_once(array({"SET", full, full, full})).error, "Protocol error: request too large");
  EXPECT_EQ(read_at_once(std::string(100, 'x') + "\n").requests.size(), 1U);
  EXPECT_EQ(read_at_once(std::string(101, 'x') + "\n").error, "Protocol error: too big inline request");
  EXPECT_EQ(read_at_once(std::string(101, 'x')).error, "Protocol error: too big inline request");
  EXPECT_EQ(read_at_once(std::string(100, 'x')).rest, 100U);
}

TEST(KvParser, other_things_than_bulk_strings) {
  EXPECT_EQ(read_at_once("*1\r\n:1\r\n").error, "Protocol error: expected '$', got ':'");
  EXPECT_EQ(read_at_once("*1\r\n\x01").error, "Protocol error: expected '$'");
  EXPECT_EQ(read_at_once("*1\r\n$2\r\nabc\r\n").error,
            "Protocol error: bulk string does not end after its length");
}

TEST(KvParser, what_stands_before_an_error_counts) {
  const auto r = read_at_once(array({"GET", "a"}) + "*x\r\n" + array({"GET", "b"}));
  EXPECT_EQ(r.requests, (requests{{"GET", "a"}}));
  EXPECT_NE(r.error, "");
}

TEST(KvParser, after_an_error_nothing_is_a_request) {
  kv::request_parser parser;
  EXPECT_EQ(parser.next("*x\r\n"), kv::request_parser::outcome::broken);
  EXPECT_EQ(parser.next("PING\r\n"), kv::request_parser::outcome::broken);
}

TEST(KvParser, wherever_it_is_split) {
  const std::string all = array({"SET", "k", std::string(150, 'v')}) +
                          "inline 'quoted words' \"\\x00\"\r\n*0\r\n" + array({"GET", "", "\r\n"}) +
                          "*3\r\n$1\r\na\r\n$x\r\n";
  const auto whole = read_at_once(all);
  ASSERT_EQ(whole.requests.size(), 3U);
  for (std::size_t first = 1; first != all.size(); ++first) {
    EXPECT_EQ(read_in_pieces(all, std::array{first, all.size()}), whole) << first;
  }
  for (std::size_t each = 1; each != 20; ++each)
    EXPECT_EQ(read_in_pieces(all, std::array{each}), whole) << each;
}

// A length says nothing about memory: a request that never comes has to cost no more than what came of it.
TEST(KvParser, announcing_much_costs_nothing) {
  const auto r = read_at_once("*1000000\r\n$60000000\r\n", kv::limits());
  EXPECT_EQ(r.error, "");
  EXPECT_EQ(r.rest, 21U);
}

}  // namespace
