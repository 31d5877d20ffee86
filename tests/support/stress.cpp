#include "support/stress.hpp"

#include <cstdio>
#include <cstdlib>

#include <goro/clock.hpp>

#include "support/bias_price.hpp"
#include "support/watchdog.hpp"

namespace goro_test {

std::chrono::seconds stress_time() {
  const char* text = std::getenv("GORO_STRESS_SECONDS");
  return std::chrono::seconds(text ? std::max(std::atoi(text), 1) : 3);
}

void stress_test::SetUp() {
  allow_longer(stress_time());
  std::printf("GORO_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed()));
  std::fflush(stdout);
  procs_test::SetUp();
}

void stress_test::rounds(const std::function<void(std::mt19937_64& rng)>& round) {
  const auto end = goro::clock::now() + stress_time();
  std::uint64_t n = 0;
  do {
    auto rng = make_rng(n++);
    const bias_price price(n % 2 == 0 ? goro::detail::lock::k_usual_bias_price
                                      : static_cast<std::uint16_t>(pick(rng, 1, 8)));
    round(rng);
    if (HasFailure()) {
      std::fprintf(stderr, "in round %llu\n", static_cast<unsigned long long>(n - 1));
      return;
    }
    ASSERT_TRUE(eventually([this] { return alive() == 0; })) << "round " << n - 1 << " left goroutines";
  } while (goro::clock::now() < end);
  std::printf("%llu rounds\n", static_cast<unsigned long long>(n));
}

}  // namespace goro_test
