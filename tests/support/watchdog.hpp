// A test that hangs shows who waits for what, and ends. main() arms the watchdog for every test.
#pragma once

#include <chrono>
#include <string>

namespace goro_test {

// Seconds that a test may take.
std::chrono::seconds watchdog_limit();

// From now on: when the limit is over, dumps all goroutines to stderr and aborts.
void arm_watchdog(std::string test);
void disarm_watchdog();

// The running test may take that much longer.
void allow_longer(std::chrono::seconds more);

}  // namespace goro_test
