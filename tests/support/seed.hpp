// Where all random numbers of the tests come from: GORO_TEST_SEED, or a fresh seed that is printed when a
// test fails.
#pragma once

#include <cstdint>
#include <random>

namespace goro_test {

// The seed of this process.
std::uint64_t seed();

// A generator for one test or one goroutine: equal streams give equal numbers for equal seeds.
std::mt19937_64 make_rng(std::uint64_t stream = 0);

// A number in [low, high].
template <class Rng>
int pick(Rng& rng, int low, int high) {
  return std::uniform_int_distribution<int>(low, high)(rng);
}

}  // namespace goro_test
