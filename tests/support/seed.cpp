#include "support/seed.hpp"

#include <cstdlib>

namespace goro_test {

std::uint64_t seed() {
  static const std::uint64_t value = [] {
    if (const char* text = std::getenv("GORO_TEST_SEED")) return std::strtoull(text, nullptr, 0);
    std::random_device device;
    return static_cast<unsigned long long>(device());
  }();
  return value;
}

std::mt19937_64 make_rng(std::uint64_t stream) {
  std::seed_seq sequence{seed(), stream};
  return std::mt19937_64(sequence);
}

}  // namespace goro_test
