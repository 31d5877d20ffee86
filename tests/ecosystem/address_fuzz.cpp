// A fuzzer for the texts of addresses (fuzz.hpp): what is accepted is the same when it is written and read
// again, what is not leads to an error; nothing else.

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include <goro/net.hpp>

#include "fuzz.hpp"

namespace {

using fuzz::dice;
using namespace std::string_view_literals;

std::string host(dice& d) {
  static constexpr std::array k_hosts{"127.0.0.1"sv, "0.0.0.0"sv,          "255.255.255.255"sv,  "[::1]"sv,
                                      "[::]"sv,      "[fe80::1%1]"sv,      "[::ffff:1.2.3.4]"sv, ""sv,
                                      "localhost"sv, "[1:2:3:4:5:6:7:8]"sv};
  if (d.once_in(2)) return std::string(d.one_of(k_hosts));
  if (d.once_in(8)) return d.random_bytes(d.below(40));
  std::string s;
  for (std::size_t n = 0; n != 4; ++n)
    s += (n == 0 ? "" : ".") + std::to_string(d.below(d.once_in(9) ? 300 : 256));
  return s;
}

std::size_t one(dice& d) {
  static constexpr std::array k_odd{":"sv, "::"sv, "["sv,  "]"sv,  "%"sv,    "%lo"sv,
                                    "."sv, "0x"sv, "-1"sv, "\0"sv, "65536"sv};
  std::string s = host(d) + ":" + std::to_string(d.below(d.once_in(9) ? 70'000 : 65'536));
  for (std::size_t n = d.below(3); n-- != 0;) d.mutate(s, k_odd);
  const auto e = goro::net::endpoint::parse(s);
  if (!e && e.error() != goro::errc::invalid_address) fuzz::give_up("address_fuzz: another error", s);
  if (!e) return 0;
  const std::string text = to_string(*e);
  const auto again = goro::net::endpoint::parse(text);
  if (!again || *again != *e || to_string(*again) != text)
    fuzz::give_up("address_fuzz: is not read as written", s);
  return 1;
}

}  // namespace

int main() { return fuzz::run(one); }
