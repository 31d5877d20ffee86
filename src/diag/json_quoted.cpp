#include "diag/json_quoted.hpp"

#include <cstddef>

namespace goro::detail {

namespace {

unsigned byte_at(std::string_view text, std::size_t i) noexcept {
  return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
}

// How many bytes the character at the beginning takes; 0 if it is none (RFC 3629, section 4).
std::size_t length_of_character(std::string_view text) noexcept {
  const unsigned first = byte_at(text, 0);
  const unsigned second = byte_at(text, 1);
  const auto follows = [text](std::size_t i) { return (byte_at(text, i) & 0xC0U) == 0x80U; };
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool overlong = first == 0xE0 && second < 0xA0;
    const bool surrogate = first == 0xED && second > 0x9F;
    return follows(1) && follows(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool overlong = first == 0xF0 && second < 0x90;
    const bool too_large = first == 0xF4 && second > 0x8F;
    return follows(1) && follows(2) && follows(3) && !overlong && !too_large ? 4 : 0;
  }
  return 0;
}

// U+2028 and U+2029 end a line in older JavaScript.
bool is_line_end(std::string_view character) noexcept {
  return character == "\xE2\x80\xA8" || character == "\xE2\x80\xA9";
}

void append_escaped(std::string& out, char c) {
  constexpr std::string_view k_digits = "0123456789abcdef";
  const auto code = static_cast<unsigned char>(c);
  out += "\\u00";
  out += k_digits[code >> 4U];
  out += k_digits[code & 0xFU];
}

void append_ascii(std::string& out, char c) {
  constexpr std::string_view k_html = "<>&'";
  if (c == '"' || c == '\\') {
    out += '\\';
    out += c;
  } else if (c == '\n') {
    out += "\\n";
  } else if (c == '\t') {
    out += "\\t";
  } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F || k_html.find(c) != std::string_view::npos) {
    append_escaped(out, c);
  } else {
    out += c;
  }
}

}  // namespace

std::string json_quoted(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const std::size_t n = length_of_character(text);
    const std::string_view character = text.substr(0, n);
    if (n == 0) {
      out += "\\ufffd";
    } else if (n == 1) {
      append_ascii(out, text[0]);
    } else if (is_line_end(character)) {
      out += character.back() == '\xA8' ? "\\u2028" : "\\u2029";
    } else {
      out += character;
    }
    text.remove_prefix(n == 0 ? 1 : n);
  }
  return out + '"';
}

}  // namespace goro::detail
