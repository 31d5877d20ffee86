// A fuzzer for the parser of the key-value server. Of each input it asks: is it read without an error of
// memory (a sanitizer is of use here), within the limits, and the same wherever it is split?
//
//   kv_fuzz            for GORO_FUZZ_SECONDS (2), from a seed that it prints; GORO_FUZZ_SEED repeats one
//   kv_fuzz FILE...    with these inputs only, such as those that libFuzzer has found
//
// With GORO_LIBFUZZER defined it is libFuzzer's target instead.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kv_commands.hpp"

namespace {

using kv_test::k_small;
using kv_test::reading;

void print(std::string_view bytes) {
  for (const char c : bytes) {
    if (c >= ' ' && c <= '~' && c != '\\') {
      std::fputc(c, stderr);
    } else {
      std::fprintf(stderr, "\\x%02x", static_cast<unsigned char>(c));
    }
  }
  std::fputc('\n', stderr);
}

[[noreturn]] void give_up(const char* what, std::string_view input) {
  std::fprintf(stderr, "kv_fuzz: %s, with %zu bytes:\n", what, input.size());
  print(input);
  std::abort();
}

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

class generator {
 public:
  explicit generator(std::uint64_t seed) : dice_(seed) {}

  std::string input() {
    std::string s;
    for (std::size_t n = below(6); n-- != 0;) s += request();
    for (std::size_t n = below(5); n-- != 0;) mutate(s);
    return s;
  }

  std::vector<std::size_t> pieces(std::size_t size) {
    std::vector<std::size_t> all(1 + below(8));
    for (std::size_t& n : all) n = 1 + below(below(2) == 0 ? 4 : size + 1);
    return all;
  }

 private:
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(dice_() % n); }
  char any_byte() { return static_cast<char>(below(256)); }

  std::string random_bytes(std::size_t n) {
    std::string s(n, '\0');
    for (char& c : s) c = any_byte();
    return s;
  }

  std::string word() {
    const std::size_t longest = below(10) == 0 ? 2 * k_small.bulk : 12;
    return below(3) == 0 ? random_bytes(below(longest)) : std::string(below(longest), 'w');
  }

  std::string request() {
    switch (below(6)) {
      case 0:
        return random_bytes(below(40));
      case 1:
        return line();
      default:
        return array();
    }
  }

  std::string line() {
    static constexpr std::string_view k_alphabet = "ab \t\"'\\x4n\r";
    std::string s;
    for (std::size_t n = below(below(10) == 0 ? 2 * k_small.line : 30); n-- != 0;)
      s += k_alphabet[below(k_alphabet.size())];
    return s + (below(2) == 0 ? "\r\n" : "\n");
  }

  std::string array() {
    const std::size_t n = below(below(10) == 0 ? 2 * k_small.elements : 5);
    std::string s = "*" + std::to_string(n) + "\r\n";
    for (std::size_t i = 0; i != n; ++i) {
      const std::string w = word();
      s += "$" + std::to_string(w.size()) + "\r\n" + w + "\r\n";
    }
    return s;
  }

  void mutate(std::string& s) {
    static constexpr std::array<std::string_view, 12> k_odd{
        "\r\n",          "\r",     "\n",         "$-1\r\n",
        "*-1\r\n",       "*0\r\n", "$0\r\n\r\n", "$9223372036854775808\r\n",
        "*99999999\r\n", "\"",     "\\x",        "*1\r\n$1000000\r\n"};
    const std::size_t at = below(s.size() + 1);
    switch (below(5)) {
      case 0:
        s.insert(at, k_odd[below(k_odd.size())]);
        break;
      case 1:
        s.erase(at, below(8));
        break;
      case 2:
        if (at < s.size()) s[at] = any_byte();
        break;
      case 3:
        s.insert(at, s.substr(below(s.size() + 1), below(30)));
        break;
      default:
        if (at < s.size() && s[at] >= '0' && s[at] <= '9') s[at] = static_cast<char>('0' + below(10));
        break;
    }
  }

  std::mt19937_64 dice_;
};

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
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
  const std::uint64_t seed = number_from("GORO_FUZZ_SEED", std::random_device()());
  const auto end =
      std::chrono::steady_clock::now() + std::chrono::seconds(number_from("GORO_FUZZ_SECONDS", 2));
  std::printf("GORO_FUZZ_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  generator g(seed);
  std::size_t inputs = 0;
  std::size_t requests = 0;
  for (; std::chrono::steady_clock::now() < end; ++inputs) {
    const std::string input = g.input();
    check(input, g.pieces(input.size()));
    requests += kv_test::read_at_once(input).requests.size();
  }
  std::printf("%zu inputs, %zu requests in them\n", inputs, requests);
  return requests != 0 ? 0 : 1;
}

#endif
