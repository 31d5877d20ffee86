#include "support/json.hpp"

#include <cctype>
#include <charconv>
#include <regex>
#include <stdexcept>

namespace goro_test {

namespace {

class reader {
 public:
  explicit reader(std::string_view text) : text_(text) {}

  json read_document() {
    json v = read_value(0);
    skip_space();
    if (at_ != text_.size()) fail("something follows");
    return v;
  }

 private:
  static constexpr int k_depth = 20;

  [[noreturn]] void fail(const std::string& why) const {
    throw std::runtime_error(why + " at byte " + std::to_string(at_) + ": " +
                             std::string(text_.substr(at_, 40)));
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip_space() {
    while (std::string_view(" \n\r\t").find(peek()) != std::string_view::npos && at_ < text_.size()) ++at_;
  }
  bool take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  void expect(std::string_view word) {
    if (!take(word)) fail("no '" + std::string(word) + "'");
  }

  json read_value(int depth) {
    if (depth > k_depth) fail("too deep");
    skip_space();
    json v;
    if (peek() == '{') {
      v.type = json::kind::object;
      read_members(v, depth);
    } else if (peek() == '[') {
      v.type = json::kind::array;
      read_elements(v, depth);
    } else if (peek() == '"') {
      v.type = json::kind::string;
      v.string = read_string();
    } else if (take("true") || take("false")) {
      v.type = json::kind::boolean;
      v.boolean = text_[at_ - 2] == 'u';
    } else if (!take("null")) {
      v.type = json::kind::number;
      v.number = read_number();
    }
    return v;
  }

  void read_members(json& v, int depth) {
    expect("{");
    skip_space();
    if (take("}")) return;
    do {
      skip_space();
      const std::string name = read_string();
      skip_space();
      expect(":");
      if (!v.object.emplace(name, read_value(depth + 1)).second) fail("'" + name + "' twice");
      skip_space();
    } while (take(","));
    expect("}");
  }

  void read_elements(json& v, int depth) {
    expect("[");
    skip_space();
    if (take("]")) return;
    do {
      v.array.push_back(read_value(depth + 1));
      skip_space();
    } while (take(","));
    expect("]");
  }

  double read_number() {
    const std::size_t begin = at_;
    const auto digits = [this] {
      if (std::isdigit(static_cast<unsigned char>(peek())) == 0) fail("no value");
      while (std::isdigit(static_cast<unsigned char>(peek())) != 0) ++at_;
    };
    take("-");
    if (!take("0")) digits();
    if (take(".")) digits();
    if (take("e") || take("E")) {
      if (!take("+")) take("-");
      digits();
    }
    double n = 0;
    std::from_chars(text_.data() + begin, text_.data() + at_, n);
    return n;
  }

  std::string read_string() {
    expect("\"");
    std::string out;
    while (peek() != '"') {
      if (at_ == text_.size()) fail("a string without an end");
      if (static_cast<unsigned char>(peek()) < 0x20) fail("a control character");
      if (peek() == '\\') {
        read_escape(out);
      } else {
        read_character(out);
      }
    }
    ++at_;
    return out;
  }

  void read_character(std::string& out) {
    static const std::regex utf8(
        "[\\x00-\\x7F]|[\\xC2-\\xDF][\\x80-\\xBF]|\\xE0[\\xA0-\\xBF][\\x80-\\xBF]|"
        "[\\xE1-\\xEC\\xEE\\xEF][\\x80-\\xBF]{2}|\\xED[\\x80-\\x9F][\\x80-\\xBF]|"
        "\\xF0[\\x90-\\xBF][\\x80-\\xBF]{2}|[\\xF1-\\xF3][\\x80-\\xBF]{3}|"
        "\\xF4[\\x80-\\x8F][\\x80-\\xBF]{2}");
    std::size_t n = 1;
    if (static_cast<unsigned char>(peek()) >= 0x80) {
      while (n <= 4 && !std::regex_match(std::string(text_.substr(at_, n)), utf8)) ++n;
      if (n > 4) fail("no UTF-8");
    }
    out += text_.substr(at_, n);
    at_ += n;
  }

  void read_escape(std::string& out) {
    static constexpr std::string_view k_letters = "\"\\/bfnrt";
    static constexpr std::string_view k_meanings = "\"\\/\b\f\n\r\t";
    ++at_;
    const std::size_t i = k_letters.find(peek());
    if (i != std::string_view::npos && at_ < text_.size()) {
      out += k_meanings[i];
      ++at_;
      return;
    }
    expect("u");
    unsigned code = 0;
    const char* digits = text_.data() + at_;
    if (text_.size() - at_ < 4 || std::from_chars(digits, digits + 4, code, 16).ptr != digits + 4)
      fail("no four digits");
    at_ += 4;
    if (code >= 0xD800 && code <= 0xDFFF) fail("half a pair");  // goro writes none
    append(out, code);
  }

  static void append(std::string& out, unsigned code) {
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else if (code < 0x800) {
      out += static_cast<char>(0xC0 | code >> 6);
      out += static_cast<char>(0x80 | (code & 0x3F));
    } else {
      out += static_cast<char>(0xE0 | code >> 12);
      out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
      out += static_cast<char>(0x80 | (code & 0x3F));
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::uint64_t json::count() const {
  if (type != kind::number || number < 0) throw std::runtime_error("no count");
  return static_cast<std::uint64_t>(number);
}

double json::value() const {
  if (type != kind::number) throw std::runtime_error("no number");
  return number;
}

const std::string& json::text() const {
  if (type != kind::string) throw std::runtime_error("no text");
  return string;
}

json read_json(std::string_view text) { return reader(text).read_document(); }

}  // namespace goro_test
