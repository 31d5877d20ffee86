// Element and capture types that keep count of themselves.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

namespace goro_test {

// How many objects were made and destroyed, by whichever thread.
struct tally {
  std::atomic<int> made{0};
  std::atomic<int> destroyed{0};
  std::atomic<int> with_value_destroyed{0};  // not moved from
  int alive() const { return made.load() - destroyed.load(); }
};

// Move-only, no default constructor. A moved-from one has the value -1.
class tracked {
 public:
  tracked(tally& t, int value) noexcept : tally_(&t), value_(value) { ++tally_->made; }
  tracked(tracked&& other) noexcept : tally_(other.tally_), value_(std::exchange(other.value_, -1)) {
    ++tally_->made;
  }
  tracked& operator=(tracked&& other) noexcept {
    value_ = std::exchange(other.value_, -1);
    return *this;
  }
  ~tracked() {
    if (value_ != -1) ++tally_->with_value_destroyed;
    ++tally_->destroyed;
  }
  tracked(const tracked&) = delete;
  tracked& operator=(const tracked&) = delete;

  int value() const { return value_; }

 private:
  tally* tally_;
  int value_;
};

}  // namespace goro_test
