// Goroutines that nobody can wake any more, although the program goes on. The essay is in unreachable.cpp.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sched/goroutine.hpp"

namespace goro::detail {

struct never_woken {
  enum class why : std::uint8_t { nil_channel, no_cases, no_handle, no_handles };
  goroutine_id id = 0;
  why reason = why::nil_channel;
};

// "can never be woken: ..."
const char* in_words(never_woken::why reason) noexcept;

struct never_woken_search {
  std::vector<never_woken> found;  // by number
  bool complete = false;           // else memory could not be searched, because something else runs
};

// Which of these, in the order of their numbers, are proven to be such. Where something else runs it is
// looked again a millisecond later, so many times altogether. Throws std::bad_alloc.
never_woken_search find_never_woken(std::span<const goroutine_id> those, int looks);

}  // namespace goro::detail
