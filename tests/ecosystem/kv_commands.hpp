// What a stream of bytes means to the parser of the key-value server, in a form that can be compared.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../../examples/kv_server/resp.hpp"

namespace kv_test {

struct reading {
  std::vector<std::vector<std::string>> requests;
  std::string error;     // empty: none
  std::size_t rest = 0;  // bytes of a request that is not complete
  friend bool operator==(const reading&, const reading&) = default;
};

// Small enough for a fuzzer to reach each of them.
inline constexpr kv::limits k_small{.bulk = 200, .elements = 20, .request = 500, .line = 100};

// Hands the bytes over as a connection does: as many at a time as `pieces` says (the last number again and
// again), in memory that ends where they end and is another one each time, so that a sanitizer sees who looks
// further or keeps a view.
inline reading read_in_pieces(std::string_view bytes, std::span<const std::size_t> pieces,
                              kv::limits most = k_small) {
  using outcome = kv::request_parser::outcome;
  kv::request_parser parser(most);
  reading r;
  std::size_t from = 0;
  std::size_t to = 0;
  for (std::size_t i = 0; r.error.empty();) {
    const std::vector<char> memory(bytes.begin() + static_cast<std::ptrdiff_t>(from),
                                   bytes.begin() + static_cast<std::ptrdiff_t>(to));
    std::string_view window(memory.data(), memory.size());
    for (;;) {
      const outcome o = parser.next(window);
      if (o == outcome::broken) r.error = parser.error();
      if (o != outcome::request) break;
      if (!parser.words().empty()) r.requests.emplace_back(parser.words().begin(), parser.words().end());
      from += parser.size();
      window.remove_prefix(parser.size());
    }
    if (to == bytes.size()) break;
    const std::size_t n = pieces.empty() ? bytes.size() : pieces[i];
    if (i + 1 < pieces.size()) ++i;
    to += std::min(std::max<std::size_t>(n, 1), bytes.size() - to);
  }
  r.rest = r.error.empty() ? bytes.size() - from : 0;
  return r;
}

inline reading read_at_once(std::string_view bytes, kv::limits most = k_small) {
  return read_in_pieces(bytes, {}, most);
}

}  // namespace kv_test
