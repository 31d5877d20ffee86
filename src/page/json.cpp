#include "page/json.hpp"

#include "diag/json_quoted.hpp"

namespace goro::detail {

json_writer& json_writer::key(std::string_view name) {
  separate();
  out_ += json_quoted(name);
  out_ += ':';
  first_ = true;  // no comma before the value
  return *this;
}

json_writer& json_writer::value(std::string_view text) { return raw(json_quoted(text)); }

json_writer& json_writer::open(char bracket) {
  separate();
  out_ += bracket;
  first_ = true;
  return *this;
}

json_writer& json_writer::close(char bracket) {
  out_ += bracket;
  first_ = false;
  return *this;
}

json_writer& json_writer::raw(std::string_view text) {
  separate();
  out_ += text;
  return *this;
}

void json_writer::separate() {
  if (!first_) out_ += ',';
  first_ = false;
}

}  // namespace goro::detail
