// What the load generator's parser makes of a response that comes in pieces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "../../examples/load_generator/response_parser.hpp"

namespace load_test {

struct outcome {
  bool done = false;
  bool failed = false;
  int status = 0;
  std::uint64_t body = 0;
  bool keep_alive = false;
  std::size_t used = 0;
  friend bool operator==(const outcome&, const outcome&) = default;
};

inline outcome read(std::string_view bytes, std::size_t each, bool ends = false) {
  load::response_parser p;
  std::size_t used = 0;
  while (used != bytes.size() && !p.done() && !p.error()) used += p.feed(bytes.substr(used, each));
  if (ends) p.feed_end();
  return {.done = p.done(),
          .failed = p.error() != nullptr,
          .status = p.error() ? 0 : p.status(),
          .body = p.error() ? 0 : p.body_size(),
          .keep_alive = p.done() && p.keep_alive(),
          .used = p.error() ? 0 : used};
}

}  // namespace load_test
