// The two ends of goro::blocking.
#pragma once

namespace goro::detail {

void begin_blocking() noexcept;
void end_blocking() noexcept;

struct blocking_region {
  blocking_region() noexcept { begin_blocking(); }
  ~blocking_region() { end_blocking(); }
  blocking_region(const blocking_region&) = delete;
  blocking_region& operator=(const blocking_region&) = delete;
};

}  // namespace goro::detail
