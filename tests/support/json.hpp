// A strict reader of JSON (RFC 8259): what it refuses, a browser may refuse.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace goro_test {

struct json {
  enum class kind { null, boolean, number, string, array, object };

  kind type = kind::null;
  bool boolean = false;
  double number = 0;
  std::string string;  // in UTF-8
  std::vector<json> array;
  std::map<std::string, json> object;

  // Throw std::out_of_range or std::runtime_error if it is no such thing.
  const json& operator[](const std::string& name) const { return object.at(name); }
  const json& operator[](std::size_t i) const { return array.at(i); }
  bool has(const std::string& name) const { return object.contains(name); }
  std::uint64_t count() const;  // a whole number
  double value() const;
  const std::string& text() const;
};

// Throws std::runtime_error, with what is wrong and where.
json read_json(std::string_view text);

}  // namespace goro_test
