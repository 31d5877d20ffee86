// The protocol of Redis, version 2, as a server reads and writes it.
//
// A request is an array of bulk strings, "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", or a line of words, "GET k\r\n".
// The parser looks at bytes that belong to somebody else and copies none of an array: what it hands out are
// views. It may be asked again with the same bytes and more behind them, also at another place in memory, and
// goes on where it had stopped, so that a request of many parts is read once however it arrives.
//
// What it is told is not believed: a length is only a number until that many bytes have come, and everything
// has a limit. After an error the stream has no meaning any more, so there is nothing to do but to close it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <goro/error.hpp>
#include <goro/net.hpp>

namespace kv {

struct limits {
  std::size_t bulk = std::size_t{64} << 20;
  std::size_t elements = std::size_t{1} << 20;
  std::size_t request = std::size_t{80} << 20;  // with all that belongs to it
  std::size_t line = std::size_t{64} << 10;     // a request of words
};

class request_parser {
 public:
  enum class outcome : std::uint8_t { request, incomplete, broken };

  explicit request_parser(limits most = {}) : most_(most) {}

  // Looks for one request at the beginning of `input`, which is what the last call had if that returned
  // `incomplete`, and more.
  outcome next(std::string_view input);

  // After `request`: how long it is, and its words, which refer to `input` or to this parser, until the next
  // call. An empty request, such as a blank line, has none, and wants no answer.
  std::size_t size() const noexcept { return at_; }
  std::span<const std::string_view> words() const noexcept { return words_; }

  // After `broken`: "Protocol error: …".
  const std::string& error() const noexcept { return error_; }

 private:
  enum class stage : std::uint8_t { start, length, body, done, broken };
  enum class step : std::uint8_t { go_on, wait };
  struct piece {
    std::size_t from;
    std::size_t size;
  };

  step advance(std::string_view input);
  step begin(std::string_view input);
  step read_length(std::string_view input);
  step read_body(std::string_view input);
  step read_line(std::string_view input);
  // A line of its kind byte and a number. `number` is set if it returns go_on and nothing is broken.
  step read_header(std::string_view input, const char* what, std::int64_t& number);
  step fail(std::string what);
  bool split(std::string_view line);
  bool split_quoted(std::string_view line);
  void reset();

  limits most_;
  stage stage_ = stage::start;
  std::size_t at_ = 0;       // up to here it has been read
  std::size_t scanned_ = 0;  // up to here there is no end of the line
  std::size_t left_ = 0;     // elements to come
  std::size_t body_ = 0;     // the size of the one that is being read
  std::vector<piece> pieces_;
  std::vector<std::string_view> words_;
  std::string unquoted_;  // of a line with quotes
  std::string error_;
};

// The answers to a batch of requests, for one write. Large values are not copied: it keeps them alive.
class replies {
 public:
  void simple(std::string_view text);  // +OK
  void error(std::string_view text);   // -ERR …
  void integer(std::int64_t n);
  void bulk(std::string_view text);
  void value(const std::shared_ptr<const std::string>& v);
  void nil();                 // the bulk string that is none
  void array(std::size_t n);  // of which the n elements follow

  std::size_t size() const noexcept { return text_.size() + shared_bytes_; }
  std::vector<std::span<const std::byte>> pieces() const;  // until the next change
  void clear();

 private:
  struct shared_piece {
    std::size_t at;  // in text_, before what stands there
    std::shared_ptr<const std::string> value;
  };
  std::string text_;
  std::vector<shared_piece> shared_;
  std::size_t shared_bytes_ = 0;
};

}  // namespace kv
