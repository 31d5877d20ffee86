#include "resp.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

namespace kv {

namespace {

// The sign, nineteen digits and the end of the line fit in.
constexpr std::size_t k_longest_header = 32;

// From here on a value is sent from where it is.
constexpr std::size_t k_large_value = 4096;

// What one request may leave behind for the next in allocated memory.
constexpr std::size_t k_kept_words = 1024;
constexpr std::size_t k_kept_text = std::size_t{256} << 10;

constexpr std::string_view k_blank = " \t\r\v\f";

bool is_blank(char c) { return k_blank.find(c) != std::string_view::npos; }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char unescaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'a':
      return '\a';
    case 'b':
      return '\b';
    default:
      return c;
  }
}

// Appends the character that `text` begins with, one of a quoted word; returns how much of it that takes.
std::size_t take_character(std::string_view text, char quote, std::string& to) {
  if (text[0] != '\\' || text.size() < 2 || (quote == '\'' && text[1] != '\'')) {
    to += text[0];
    return 1;
  }
  if (text[1] == 'x' && text.size() >= 4) {
    const int high = hex_digit(text[2]);
    const int low = hex_digit(text[3]);
    if (high >= 0 && low >= 0) {
      to += static_cast<char>(high * 16 + low);
      return 4;
    }
  }
  to += unescaped(text[1]);
  return 2;
}

// Appends the word between quotes that `text` begins with; returns how much of it that takes, 0 if it has no
// end, or something follows it at once.
std::size_t take_quoted(std::string_view text, std::string& to) {
  const char quote = text[0];
  std::size_t at = 1;
  while (at < text.size() && text[at] != quote) at += take_character(text.substr(at), quote, to);
  if (at >= text.size()) return 0;
  ++at;
  return at == text.size() || is_blank(text[at]) ? at : 0;
}

}  // namespace

void request_parser::reset() {
  stage_ = stage::start;
  at_ = scanned_ = left_ = body_ = 0;
  if (pieces_.capacity() > k_kept_words) pieces_ = {};
  if (words_.capacity() > k_kept_words) words_ = {};
  pieces_.clear();
  words_.clear();
  unquoted_.clear();
}

request_parser::outcome request_parser::next(std::string_view input) {
  if (stage_ == stage::done) reset();
  while (stage_ != stage::done && stage_ != stage::broken) {
    if (advance(input) == step::wait) return outcome::incomplete;
  }
  if (stage_ == stage::broken) return outcome::broken;
  for (const piece& p : pieces_) words_.push_back(input.substr(p.from, p.size));
  return outcome::request;
}

request_parser::step request_parser::advance(std::string_view input) {
  switch (stage_) {
    case stage::start:
      return begin(input);
    case stage::length:
      return read_length(input);
    default:
      return read_body(input);
  }
}

request_parser::step request_parser::begin(std::string_view input) {
  if (input.empty()) return step::wait;
  if (input[0] != '*') return read_line(input);
  std::int64_t n = 0;
  if (read_header(input, "invalid multibulk length", n) == step::wait) return step::wait;
  if (stage_ == stage::broken) return step::go_on;
  // -1 is the array that is none.
  if (n < -1 || (n > 0 && static_cast<std::size_t>(n) > most_.elements))
    return fail("invalid multibulk length");
  left_ = n > 0 ? static_cast<std::size_t>(n) : 0;
  stage_ = left_ == 0 ? stage::done : stage::length;
  return step::go_on;
}

request_parser::step request_parser::read_length(std::string_view input) {
  if (at_ == input.size()) return step::wait;
  if (const char c = input[at_]; c != '$') {
    return fail(c >= ' ' && c <= '~' ? std::string("expected '$', got '") + c + "'" : "expected '$'");
  }
  std::int64_t n = 0;
  if (read_header(input, "invalid bulk length", n) == step::wait) return step::wait;
  if (stage_ == stage::broken) return step::go_on;
  if (n < 0 || static_cast<std::size_t>(n) > most_.bulk) return fail("invalid bulk length");
  body_ = static_cast<std::size_t>(n);
  // The rest of the elements takes at least "$0\r\n\r\n" each, but that is not worth to be foreseen.
  if (at_ + body_ > most_.request) return fail("request too large");
  stage_ = stage::body;
  return step::go_on;
}

request_parser::step request_parser::read_body(std::string_view input) {
  if (input.size() - at_ < body_ + 2) return step::wait;
  if (input.substr(at_ + body_, 2) != "\r\n") return fail("bulk string does not end after its length");
  pieces_.push_back({.from = at_, .size = body_});
  at_ += body_ + 2;
  stage_ = --left_ == 0 ? stage::done : stage::length;
  return step::go_on;
}

request_parser::step request_parser::read_header(std::string_view input, const char* what,
                                                 std::int64_t& number) {
  const std::string_view line = input.substr(at_, k_longest_header);
  const std::size_t end = line.find('\n');
  if (end == std::string_view::npos) return line.size() < k_longest_header ? step::wait : fail(what);
  if (line[end - 1] != '\r') return fail(what);
  const std::string_view digits = line.substr(1, end - 2);
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.empty() || error != std::errc() || stop != digits.data() + digits.size()) return fail(what);
  at_ += end + 1;
  return step::go_on;
}

request_parser::step request_parser::read_line(std::string_view input) {
  const std::size_t end = input.find('\n', scanned_);
  if (end == std::string_view::npos || end > most_.line) {
    if (input.size() > most_.line) return fail("too big inline request");
    scanned_ = input.size();
    return step::wait;
  }
  const std::string_view line = input.substr(0, end);
  const bool quoted = line.find_first_of("\"'") != std::string_view::npos;
  if (!(quoted ? split_quoted(line) : split(line))) return fail("unbalanced quotes in request");
  at_ = end + 1;
  stage_ = stage::done;
  return step::go_on;
}

bool request_parser::split(std::string_view line) {
  for (std::size_t at = 0;;) {
    at = line.find_first_not_of(k_blank, at);
    if (at == std::string_view::npos) return true;
    const std::size_t end = std::min(line.find_first_of(k_blank, at), line.size());
    pieces_.push_back({.from = at, .size = end - at});
    at = end;
  }
}

bool request_parser::split_quoted(std::string_view line) {
  std::vector<piece> found;
  for (std::size_t at = 0;;) {
    at = line.find_first_not_of(k_blank, at);
    if (at == std::string_view::npos) break;
    const std::size_t from = unquoted_.size();
    // A quote may begin in the middle of a word, as in a shell.
    while (at < line.size() && !is_blank(line[at])) {
      if (line[at] != '"' && line[at] != '\'') {
        unquoted_ += line[at++];
        continue;
      }
      const std::size_t taken = take_quoted(line.substr(at), unquoted_);
      if (taken == 0) return false;
      at += taken;
    }
    found.push_back({.from = from, .size = unquoted_.size() - from});
  }
  for (const piece& p : found) words_.push_back(std::string_view(unquoted_).substr(p.from, p.size));
  return true;
}

request_parser::step request_parser::fail(std::string what) {
  error_ = "Protocol error: " + std::move(what);
  stage_ = stage::broken;
  return step::go_on;
}

// ---- answers --------------------------------------------------------------------------------------

void replies::simple(std::string_view text) {
  text_ += '+';
  text_ += text;
  text_ += "\r\n";
}

void replies::error(std::string_view text) {
  text_ += '-';
  // It is one line, whatever a client has made us quote.
  for (const char c : text) text_ += c == '\r' || c == '\n' ? ' ' : c;
  text_ += "\r\n";
}

void replies::integer(std::int64_t n) {
  text_ += ':';
  text_ += std::to_string(n);
  text_ += "\r\n";
}

void replies::bulk(std::string_view text) {
  text_ += '$';
  text_ += std::to_string(text.size());
  text_ += "\r\n";
  text_ += text;
  text_ += "\r\n";
}

void replies::value(const std::shared_ptr<const std::string>& v) {
  if (!v) return nil();
  if (v->size() < k_large_value) return bulk(*v);
  text_ += '$';
  text_ += std::to_string(v->size());
  text_ += "\r\n";
  shared_.push_back({.at = text_.size(), .value = v});
  shared_bytes_ += v->size();
  text_ += "\r\n";
}

void replies::nil() { text_ += "$-1\r\n"; }

void replies::array(std::size_t n) {
  text_ += '*';
  text_ += std::to_string(n);
  text_ += "\r\n";
}

std::vector<std::span<const std::byte>> replies::pieces() const {
  const auto bytes = std::as_bytes(std::span(text_));
  std::vector<std::span<const std::byte>> all;
  std::size_t done = 0;
  for (const shared_piece& s : shared_) {
    all.push_back(bytes.subspan(done, s.at - done));
    all.push_back(std::as_bytes(std::span(*s.value)));
    done = s.at;
  }
  all.push_back(bytes.subspan(done));
  return all;
}

void replies::clear() {
  if (text_.capacity() > k_kept_text) text_ = {};
  text_.clear();
  shared_.clear();
  shared_bytes_ = 0;
}

}  // namespace kv
