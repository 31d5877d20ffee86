// While it exists the locks inside channels are biased after so few uses (goro/detail/lock_bias.hpp).
#pragma once

#include <cstdint>

#include <goro/detail/lock.hpp>

namespace goro_test {

class bias_price {
 public:
  explicit bias_price(std::uint16_t times) noexcept { goro::detail::lock::set_bias_price(times); }
  ~bias_price() { goro::detail::lock::set_bias_price(goro::detail::lock::k_usual_bias_price); }
  bias_price(const bias_price&) = delete;
  bias_price& operator=(const bias_price&) = delete;
};

}  // namespace goro_test
