// A fuzzer for the load generator's parser of HTTP responses (fuzz.hpp): is each input read within it, and
// the same wherever it is split?

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "fuzz.hpp"
#include "load_responses.hpp"

namespace {

using fuzz::dice;
using namespace std::string_view_literals;

std::string headers(dice& d, std::string_view of_body) {
  static constexpr std::array k_lines{"Content-Type: text/plain\r\n"sv, "Connection: close\r\n"sv, "A:\r\n"sv,
                                      "Connection: keep-alive, x\r\n"sv};
  std::string s(of_body);
  for (std::size_t n = d.below(4); n-- != 0;) s += d.one_of(k_lines);
  return s + "\r\n";
}

std::string chunks(dice& d) {
  std::string s;
  for (std::size_t n = d.below(4); n-- != 0;) {
    const std::string data = d.random_bytes(1 + d.below(9));
    s += std::to_string(data.size()) + (d.once_in(3) ? ";x=1\r\n" : "\r\n") + data + "\r\n";
  }
  return s + "0\r\n" + (d.once_in(3) ? "T: 1\r\n" : "") + "\r\n";
}

std::string response(dice& d) {
  static constexpr std::array k_first{"HTTP/1.1 200 OK\r\n"sv, "HTTP/1.0 404 Not Found\r\n"sv,
                                      "HTTP/1.1 204\r\n"sv,
                                      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"sv};
  const std::string first(d.one_of(k_first));
  const std::string body = d.random_bytes(d.below(20));
  switch (d.below(4)) {
    case 0:
      return first + headers(d, "Transfer-Encoding: chunked\r\n") + chunks(d);
    case 1:
      return first + headers(d, {}) + body;
    default:
      return first + headers(d, "Content-Length: " + std::to_string(body.size()) + "\r\n") + body;
  }
}

std::size_t one(dice& d) {
  static constexpr std::array k_odd{"\r\n"sv,
                                    "\r"sv,
                                    "\n"sv,
                                    ": "sv,
                                    "HTTP/1.1 "sv,
                                    "Content-Length: 3\r\n"sv,
                                    "Content-Length: 18446744073709551616\r\n"sv,
                                    "Transfer-Encoding: chunked\r\n"sv,
                                    "ffffffffffffffff\r\n"sv,
                                    "\0"sv};
  std::string s = response(d);
  for (std::size_t n = d.below(5); n-- != 0;) d.mutate(s, k_odd);
  const bool ends = d.once_in(2);
  const load_test::outcome whole = load_test::read(s, s.size(), ends);
  if (whole.used > s.size()) fuzz::give_up("load_fuzz: has read more than there is", s);
  if (whole.done && whole.failed) fuzz::give_up("load_fuzz: both done and failed", s);
  for (const std::size_t each : {std::size_t{1}, 1 + d.below(s.size() + 1)}) {
    if (load_test::read(s, each, ends) != whole) fuzz::give_up("load_fuzz: differs in pieces", s);
  }
  return whole.done ? 1 : 0;
}

}  // namespace

int main() { return fuzz::run(one); }
