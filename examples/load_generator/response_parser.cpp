#include "response_parser.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace load {

namespace {

constexpr std::size_t k_longest_line = std::size_t{16} << 10;
constexpr std::size_t k_most_head = std::size_t{64} << 10;  // all lines of a response

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view s) {
  const std::size_t from = std::min(s.find_first_not_of(" \t"), s.size());
  s.remove_prefix(from);
  return s.substr(0, s.find_last_not_of(" \t") + 1);
}

// Is it one of "a, b, c"?
bool lists(std::string_view value, std::string_view token) {
  while (!value.empty()) {
    const std::size_t comma = std::min(value.find(','), value.size());
    if (equal_ignoring_case(trimmed(value.substr(0, comma)), token)) return true;
    value.remove_prefix(std::min(comma + 1, value.size()));
  }
  return false;
}

// All of the text as a number.
bool read_number(std::string_view text, int base, std::uint64_t& n) {
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), n, base);
  return !text.empty() && error == std::errc() && at == text.data() + text.size();
}

}  // namespace

std::size_t response_parser::feed(std::string_view bytes) {
  const std::size_t all = bytes.size();
  while (!bytes.empty() && stage_ != stage::done && stage_ != stage::broken) {
    begun_ = true;
    bytes.remove_prefix(is_line() ? take_line(bytes) : take_body(bytes));
  }
  return all - bytes.size();
}

void response_parser::feed_end() {
  if (stage_ == stage::body_to_end) {
    stage_ = stage::done;
  } else if (stage_ != stage::done && stage_ != stage::broken) {
    fail("the connection ends before the response does");
  }
}

std::size_t response_parser::take_line(std::string_view bytes) {
  const std::size_t end = bytes.find('\n');
  const std::size_t size = end == std::string_view::npos ? bytes.size() : end + 1;
  head_size_ += size;
  if (line_.size() + size > k_longest_line || head_size_ > k_most_head) {
    fail("a head that is too long");
    return 0;
  }
  if (end == std::string_view::npos) {
    line_ += bytes;
    return size;
  }
  std::string_view line = bytes.substr(0, end);
  const std::string joined = line_.empty() ? std::string() : line_ + std::string(line);
  if (!joined.empty()) line = joined;
  line_.clear();
  if (line.ends_with('\r')) line.remove_suffix(1);
  line_read(line);
  return size;
}

std::size_t response_parser::take_body(std::string_view bytes) {
  std::size_t n = bytes.size();
  if (stage_ != stage::body_to_end) {
    n = static_cast<std::size_t>(std::min<std::uint64_t>(n, left_));
    left_ -= n;
    if (left_ == 0) stage_ = stage_ == stage::body ? stage::done : stage::chunk_end;
  }
  body_size_ += n;
  return n;
}

void response_parser::line_read(std::string_view line) {
  switch (stage_) {
    case stage::status_line:
      return read_status(line);
    case stage::headers:
      return line.empty() ? headers_end() : read_header(line);
    case stage::chunk_size:
      return read_chunk_size(line);
    case stage::chunk_end:
      if (!line.empty()) return fail("a chunk that does not end after its size");
      head_size_ = 0;  // of each chunk anew
      stage_ = stage::chunk_size;
      return;
    default:
      if (line.empty()) stage_ = stage::done;  // trailers
      return;
  }
}

void response_parser::read_status(std::string_view line) {
  std::uint64_t code = 0;
  const bool known = line.starts_with("HTTP/1.1 ") || line.starts_with("HTTP/1.0 ");
  if (!known || !read_number(line.substr(9, 3), 10, code) || code < 100 || code > 599 ||
      (line.size() > 12 && line[12] != ' ')) {
    return fail("no status line");
  }
  status_ = static_cast<int>(code);
  keep_alive_ = line[7] == '1';
  stage_ = stage::headers;
}

void response_parser::read_header(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == 0 || colon == std::string_view::npos) return fail("a header that is none");
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (equal_ignoring_case(name, "content-length")) {
    read_content_length(value);
  } else if (equal_ignoring_case(name, "transfer-encoding")) {
    if (!equal_ignoring_case(value, "chunked")) return fail("an unknown transfer encoding");
    chunked_ = true;
  } else if (equal_ignoring_case(name, "connection")) {
    if (lists(value, "close")) keep_alive_ = false;
    if (lists(value, "keep-alive")) keep_alive_ = true;
  }
}

void response_parser::read_content_length(std::string_view value) {
  std::uint64_t n = 0;
  if (!read_number(value, 10, n) || (has_length_ && n != left_)) return fail("a wrong content length");
  has_length_ = true;
  left_ = n;
}

void response_parser::headers_end() {
  if (status_ < 200) {  // a word in between, such as 100; the response comes after it
    stage_ = stage::status_line;
    has_length_ = chunked_ = false;
  } else if (status_ == 204 || status_ == 304) {
    stage_ = stage::done;
  } else if (chunked_) {
    stage_ = stage::chunk_size;
  } else if (has_length_) {
    stage_ = left_ == 0 ? stage::done : stage::body;
  } else {
    keep_alive_ = false;
    stage_ = stage::body_to_end;
  }
}

void response_parser::read_chunk_size(std::string_view line) {
  if (!read_number(trimmed(line.substr(0, line.find(';'))), 16, left_)) return fail("a wrong chunk size");
  stage_ = left_ == 0 ? stage::trailers : stage::chunk;
}

void response_parser::fail(const char* what) {
  error_ = what;
  stage_ = stage::broken;
}

}  // namespace load
