// GORO_DEBUG: settings for finding trouble, as "name=value,name=value".
#pragma once

#include <cstdint>

namespace goro::detail {

struct debug_settings {
  // shuffle=SEED: the next goroutine is chosen by dice seeded with this number; 0 is off.
  std::uint64_t shuffle_seed = 0;
};

// Reads the environment. What it does not know is ignored with a line on stderr that says what is known.
debug_settings read_debug_settings() noexcept;

}  // namespace goro::detail
