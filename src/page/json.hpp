// Writes JSON: what is opened is to be closed, members and elements are separated by themselves.
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <utility>

namespace goro::detail {

class json_writer {
 public:
  json_writer& begin_object() { return open('{'); }
  json_writer& end_object() { return close('}'); }
  json_writer& begin_array() { return open('['); }
  json_writer& end_array() { return close(']'); }

  // The name of the member whose value follows.
  json_writer& key(std::string_view name);

  json_writer& value(std::string_view text);
  json_writer& value(const char* text) { return value(std::string_view(text)); }
  json_writer& value(bool b) { return raw(b ? "true" : "false"); }
  template <std::integral N>
    requires(!std::same_as<N, bool>)
  json_writer& value(N n) {
    return raw(std::to_string(n));
  }
  json_writer& null() { return raw("null"); }

  template <class T>
  json_writer& member(std::string_view name, const T& v) {
    return key(name).value(v);
  }

  std::string take() { return std::move(out_); }

 private:
  json_writer& open(char bracket);
  json_writer& close(char bracket);
  json_writer& raw(std::string_view text);
  void separate();

  std::string out_;
  bool first_ = true;  // nothing stands before, at this level
};

}  // namespace goro::detail
