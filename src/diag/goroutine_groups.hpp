// Goroutines that are in the same state, stand at the same place and were started at the same, as one.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "diag/dump.hpp"

namespace goro::detail {

struct goroutine_group {
  struct member {
    goroutine_id id = 0;
    goroutine_id creator = 0;
    std::uint32_t seconds = 0;  // for which it is known to have been parked
    std::string name;
    shared_labels labels;
  };

  std::string state;
  std::string place;  // of the call that started them
  missing lacks = missing::nothing;
  stack_trace trace;
  std::vector<member> members;  // by id
};

class goroutine_groups {
 public:
  // Takes name and labels out of it.
  void add(sighting& s);

  // All, by the smallest id in each. Nothing may be added afterwards.
  std::vector<goroutine_group> take();

 private:
  using key = std::tuple<std::string, std::string, missing, std::vector<std::uintptr_t>>;
  std::map<key, goroutine_group> by_key_;
};

}  // namespace goro::detail
