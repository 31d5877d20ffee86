// Objects that goroutines blocked for ever refer to.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

namespace goro_test {

// A new T that is never destroyed, and never lost to a leak checker.
template <class T>
T& immortal() {
  static auto& all = *new std::vector<std::unique_ptr<T>>;
  static std::mutex guard;
  const std::lock_guard held(guard);
  return *all.emplace_back(std::make_unique<T>());
}

}  // namespace goro_test
