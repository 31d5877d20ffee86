// error.hpp: codes, their category, result.
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>

#include <goro/error.hpp>

#include "support/panic_text.hpp"

namespace {

using goro::errc;

TEST(Errc, texts) {
  const auto text = [](errc e) { return make_error_code(e).message(); };
  EXPECT_EQ(text(errc::closed), "closed");
  EXPECT_EQ(text(errc::timed_out), "deadline exceeded");
  EXPECT_EQ(text(errc::canceled), "context canceled");
  EXPECT_EQ(text(errc::would_block), "would block");
  EXPECT_EQ(text(errc::unexpected_eof), "unexpected end of file");
  EXPECT_EQ(text(errc::no_such_host), "no such host");
  EXPECT_NE(text(errc::invalid_path).find("Unix"), std::string::npos);
  EXPECT_FALSE(std::error_code(4711, goro::goro_category()).message().empty());
  EXPECT_FALSE(std::error_code(0, goro::goro_category()).message().empty());
}

TEST(Errc, category) {
  EXPECT_STREQ(goro::goro_category().name(), "goro");
  EXPECT_EQ(&goro::goro_category(), &goro::goro_category());
  const std::error_code implicit = errc::closed;
  EXPECT_EQ(implicit.category(), goro::goro_category());
  EXPECT_EQ(implicit.value(), 1);
  EXPECT_TRUE(implicit);
}

TEST(Errc, equivalences_with_std) {
  EXPECT_EQ(make_error_code(errc::timed_out), std::errc::timed_out);
  EXPECT_EQ(make_error_code(errc::canceled), std::errc::operation_canceled);
  EXPECT_EQ(make_error_code(errc::would_block), std::errc::operation_would_block);
  EXPECT_EQ(make_error_code(errc::no_such_host), std::errc::host_unreachable);
  EXPECT_EQ(make_error_code(errc::invalid_address), std::errc::invalid_argument);
  EXPECT_EQ(make_error_code(errc::invalid_path), std::errc::invalid_argument);
  EXPECT_NE(make_error_code(errc::timed_out), std::errc::operation_canceled);
  EXPECT_NE(make_error_code(errc::closed), std::errc::timed_out);
  EXPECT_NE(make_error_code(errc::closed), make_error_code(errc::timed_out));
  EXPECT_NE(make_error_code(errc::timed_out), std::error_code(2, std::generic_category()));
}

TEST(Result, holds_a_value_or_an_error) {
  goro::result<int> value = 5;
  EXPECT_TRUE(value);
  EXPECT_TRUE(value.has_value());
  EXPECT_EQ(*value, 5);
  EXPECT_EQ(value.value(), 5);
  EXPECT_EQ(value.error(), std::error_code());
  EXPECT_EQ(value.value_or(6), 5);
  goro::result<int> none = goro::fail(errc::closed);
  EXPECT_FALSE(none);
  EXPECT_EQ(none.error(), errc::closed);
  EXPECT_EQ(none.value_or(6), 6);
  static_assert(!std::is_convertible_v<goro::result<int>, bool>);
}

TEST(Result, reading_a_missing_value_throws_its_code) {
  goro::result<std::string> none = goro::fail(std::make_error_code(std::errc::io_error));
  for (int way = 0; way < 3; ++way) {
    try {
      switch (way) {
        case 0:
          (void)none.value();
          break;
        case 1:
          (void)*none;
          break;
        default:
          (void)none->size();
      }
      ADD_FAILURE() << "nothing was thrown";
    } catch (const std::system_error& e) {
      EXPECT_EQ(e.code(), std::errc::io_error);
    }
  }
}

TEST(Result, of_move_only_and_awkward_types) {
  goro::result<std::unique_ptr<int>> pointer = std::make_unique<int>(3);
  EXPECT_EQ(**pointer, 3);
  const std::unique_ptr<int> taken = std::move(pointer).value();
  EXPECT_EQ(*taken, 3);
  EXPECT_EQ(*goro::result<std::unique_ptr<int>>(goro::fail(errc::closed)).value_or(std::make_unique<int>(4)),
            4);

  const goro::result<std::error_code> code = std::error_code(errc::timed_out);  // an error code as the value
  EXPECT_TRUE(code);
  EXPECT_EQ(*code, errc::timed_out);
  EXPECT_FALSE(code.error());
  const goro::result<std::error_code> failed = goro::fail(errc::timed_out);
  EXPECT_FALSE(failed);
  EXPECT_EQ(failed.error(), errc::timed_out);

  const goro::result<std::string> from_literal = "converted";
  EXPECT_EQ(from_literal->size(), 9U);
  const goro::result<bool> no = false;
  EXPECT_TRUE(no);
  EXPECT_FALSE(*no);
}

TEST(IoResult, is_true_without_an_error) {
  EXPECT_TRUE((goro::io_result{5, {}}));
  EXPECT_FALSE((goro::io_result{5, errc::closed}));
  const auto [n, err] = goro::io_result{7, errc::timed_out};
  EXPECT_EQ(n, 7U);
  EXPECT_EQ(err, std::errc::timed_out);
}

TEST(Panic, is_a_logic_error_with_a_text) {
  EXPECT_EQ(goro_test::panic_text([] { throw goro::panic("text"); }), "text");
  EXPECT_EQ(goro_test::panic_text([] { throw goro::channel_closed("closed"); }), "closed");
  EXPECT_EQ(goro_test::closed_text([] { throw goro::channel_closed("closed"); }), "closed");
  EXPECT_THROW(throw goro::panic("as logic_error"), std::logic_error);
}

}  // namespace
