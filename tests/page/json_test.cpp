// How documents are written, whatever the names in them are.
#include "page/json.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "diag/json_quoted.hpp"
#include "support/json.hpp"

namespace {

using goro::detail::json_quoted;
using goro::detail::json_writer;
using namespace std::string_view_literals;

std::string there_and_back(std::string_view text) { return goro_test::read_json(json_quoted(text)).text(); }

TEST(Json, text_survives) {
  for (const std::string_view text :
       {""sv, "plain"sv, "a\"b\\c/"sv, "\0\x01\x1F\x7F"sv, "\r\n\t\b\f"sv, "</script><!-- & '"sv, "äöü€"sv,
        "\xF0\x9F\x98\x80"sv, "\xE2\x80\xA8 \xE2\x80\xA9"sv, "\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF"sv}) {
    EXPECT_EQ(there_and_back(text), text) << json_quoted(text);
  }
}

TEST(Json, nothing_in_it_means_anything_to_html) {
  EXPECT_EQ(json_quoted("</script><img src=x onerror='alert(1)'>&").find_first_of("<>&'"), std::string::npos);
}

TEST(Json, what_is_no_utf8_becomes_a_replacement_character) {
  const std::string k_replaced = "\xEF\xBF\xBD";
  for (const std::string_view bad : {"\x80"sv, "\xC0"sv, "\xC1\xBF"sv, "\xFF"sv, "\xC3"sv, "\xE2\x82"sv,
                                     "\xE0\x80\x80"sv, "\xED\xA0\x80"sv, "\xF0\x80\x80\x80"sv,
                                     "\xF4\x90\x80\x80"sv, "\xF5\x80\x80\x80"sv, "\xF0\x9F\x98"sv}) {
    const std::string got = there_and_back(std::string(bad) + "ok");
    EXPECT_TRUE(got.starts_with(k_replaced)) << testing::PrintToString(bad);
    EXPECT_TRUE(got.ends_with("ok")) << testing::PrintToString(bad);
  }
}

TEST(Json, all_pairs_of_bytes_are_valid) {
  for (int a = 0; a != 256; ++a) {
    for (int b = 0; b != 256; ++b)
      ASSERT_NO_THROW(there_and_back(std::string{static_cast<char>(a), static_cast<char>(b)}))
          << a << ' ' << b;
  }
}

TEST(Json, separates_members_and_elements) {
  json_writer json;
  json.begin_object().member("a", 1).key("b").begin_array().value("x").value(true).null();
  json.begin_object().end_object().begin_array().end_array().end_array();
  json.member("c", false).key("d").begin_object().member("e", -2).end_object().end_object();
  EXPECT_EQ(json.take(), R"({"a":1,"b":["x",true,null,{},[]],"c":false,"d":{"e":-2}})");
}

}  // namespace
