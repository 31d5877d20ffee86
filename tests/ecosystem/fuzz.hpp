// What the fuzzers have in common: a seed, a time, random bytes, and what they do when something is wrong.
//
// Each runs for GORO_FUZZ_SECONDS (2), from a seed that it prints; GORO_FUZZ_SEED repeats one.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <span>
#include <string>
#include <string_view>

namespace fuzz {

[[noreturn]] inline void give_up(const char* what, std::string_view input) {
  std::fprintf(stderr, "%s, with %zu bytes:\n", what, input.size());
  for (const char c : input) {
    if (c >= ' ' && c <= '~' && c != '\\') {
      std::fputc(c, stderr);
    } else {
      std::fprintf(stderr, "\\x%02x", static_cast<unsigned char>(c));
    }
  }
  std::fputc('\n', stderr);
  std::abort();
}

class dice {
 public:
  explicit dice(std::uint64_t seed) : numbers_(seed) {}

  std::size_t below(std::size_t n) { return static_cast<std::size_t>(numbers_() % n); }
  bool once_in(std::size_t n) { return below(n) == 0; }
  char any_byte() { return static_cast<char>(below(256)); }
  std::string_view one_of(std::span<const std::string_view> all) { return all[below(all.size())]; }

  std::string random_bytes(std::size_t n) {
    std::string s(n, '\0');
    for (char& c : s) c = any_byte();
    return s;
  }

  // Something is put in (of `odd`, say), left out, changed or repeated.
  void mutate(std::string& s, std::span<const std::string_view> odd) {
    const std::size_t at = below(s.size() + 1);
    switch (below(5)) {
      case 0:
        s.insert(at, one_of(odd));
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

 private:
  std::mt19937_64 numbers_;
};

inline std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

// Calls one(dice) again and again; it makes an input, checks it, and says how much of it was accepted. The
// exit code of the program: 1 if nothing ever was, for then too little was tried.
template <class One>
int run(One one) {
  const std::uint64_t seed = number_from("GORO_FUZZ_SEED", std::random_device()());
  const auto end =
      std::chrono::steady_clock::now() + std::chrono::seconds(number_from("GORO_FUZZ_SECONDS", 2));
  std::printf("GORO_FUZZ_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  dice d(seed);
  std::size_t inputs = 0;
  std::size_t accepted = 0;
  for (; std::chrono::steady_clock::now() < end; ++inputs) accepted += one(d);
  std::printf("%zu inputs, %zu of what they ask for accepted\n", inputs, accepted);
  return accepted != 0 ? 0 : 1;
}

}  // namespace fuzz
