// A fuzzer for the parser of the key-value server. Of each input it asks: is it read without an error of
// memory (a sanitizer is of use here), within the limits, and the same wherever it is split?
//
//   kv_fuzz            as fuzz.hpp says
//   kv_fuzz FILE...    with these inputs only, such as those that libFuzzer has found
//
// With GORO_LIBFUZZER defined it is libFuzzer's target instead.

#include <array>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz.hpp"
#include "kv_commands.hpp"

namespace {

using fuzz::give_up;
using kv_test::k_small;
using kv_test::reading;

void check_limits(const reading& r, std::string_view input) {
  for (const auto& request : r.requests) {
    if (request.size() > k_small.elements && request.size() > k_small.line) give_up("too many words", input);
    for (const std::string& word : request) {
      if (word.size() > k_small.bulk) give_up("a word that is too long", input);
    }
  }
  // Nothing that is incomplete may be longer than a request may be, or the memory of a connection has no end.
  if (r.rest > k_small.request + 40) give_up("waits for the rest of what is too long already", input);
}

void check(std::string_view input, std::span<const std::size_t> pieces) {
  const reading whole = kv_test::read_at_once(input);
  check_limits(whole, input);
  if (kv_test::read_in_pieces(input, std::array{std::size_t{1}}) != whole)
    give_up("differs byte by byte", input);
  if (kv_test::read_in_pieces(input, pieces) != whole) give_up("differs in pieces", input);
}

}  // namespace

#ifdef GORO_LIBFUZZER

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check(input, std::array{std::size_t{size / 3 + 1}, std::size_t{7}});
  return 0;
}

#else

namespace {

using fuzz::dice;

std::vector<std::size_t> pieces(dice& d, std::size_t size) {
  std::vector<std::size_t> all(1 + d.below(8));
  for (std::size_t& n : all) n = 1 + d.below(d.once_in(2) ? 4 : size + 1);
  return all;
}

std::string word(dice& d) {
  const std::size_t longest = d.once_in(10) ? 2 * k_small.bulk : 12;
  return d.once_in(3) ? d.random_bytes(d.below(longest)) : std::string(d.below(longest), 'w');
}

std::string line(dice& d) {
  static constexpr std::string_view k_alphabet = "ab \t\"'\\x4n\r";
  std::string s;
  for (std::size_t n = d.below(d.once_in(10) ? 2 * k_small.line : 30); n-- != 0;)
    s += k_alphabet[d.below(k_alphabet.size())];
  return s + (d.once_in(2) ? "\r\n" : "\n");
}

std::string array(dice& d) {
  const std::size_t n = d.below(d.once_in(10) ? 2 * k_small.elements : 5);
  std::string s = "*" + std::to_string(n) + "\r\n";
  for (std::size_t i = 0; i != n; ++i) {
    const std::string w = word(d);
    s += "$" + std::to_string(w.size()) + "\r\n" + w + "\r\n";
  }
  return s;
}

std::string request(dice& d) {
  switch (d.below(6)) {
    case 0:
      return d.random_bytes(d.below(40));
    case 1:
      return line(d);
    default:
      return array(d);
  }
}

std::size_t one(dice& d) {
  static constexpr std::array<std::string_view, 12> k_odd{
      "\r\n",          "\r",     "\n",         "$-1\r\n",
      "*-1\r\n",       "*0\r\n", "$0\r\n\r\n", "$9223372036854775808\r\n",
      "*99999999\r\n", "\"",     "\\x",        "*1\r\n$1000000\r\n"};
  std::string s;
  for (std::size_t n = d.below(6); n-- != 0;) s += request(d);
  for (std::size_t n = d.below(5); n-- != 0;) d.mutate(s, k_odd);
  check(s, pieces(d, s.size()));
  return kv_test::read_at_once(s).requests.size();
}

int try_files(std::span<char*> names) {
  for (const char* name : names) {
    std::ifstream file(name, std::ios::binary);
    const std::string input{std::istreambuf_iterator<char>(file), {}};
    check(input, std::array{input.size() / 3 + 1, std::size_t{7}});
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) return try_files(std::span(argv, static_cast<std::size_t>(argc)).subspan(1));
  return fuzz::run(one);
}

#endif
