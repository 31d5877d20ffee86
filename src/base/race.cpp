#include <goro/detail/race.hpp>

#if defined(GORO_TSAN)

#  include <sanitizer/tsan_interface.h>

#  include "diag/debug_env.hpp"

// Part of the tool's library in every version, declared in none of its headers.
extern "C" {
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
void AnnotateIgnoreWritesBegin(const char* file, int line);
void AnnotateIgnoreWritesEnd(const char* file, int line);
void AnnotateIgnoreSyncBegin(const char* file, int line);
void AnnotateIgnoreSyncEnd(const char* file, int line);
}

namespace goro::detail {

bool race_checks_program() noexcept { return !debug().race_runtime; }

void race_hide() noexcept {
  if (!race_checks_program()) return;
  AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
  AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  AnnotateIgnoreSyncBegin(__FILE__, __LINE__);
}

void race_show() noexcept {
  if (!race_checks_program()) return;
  AnnotateIgnoreSyncEnd(__FILE__, __LINE__);
  AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
  AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
}

void race_release(const void* at) noexcept {
  if (!race_checks_program()) return;
  AnnotateIgnoreSyncEnd(__FILE__, __LINE__);
  __tsan_release(const_cast<void*>(at));
  AnnotateIgnoreSyncBegin(__FILE__, __LINE__);
}

void race_acquire(const void* at) noexcept {
  if (!race_checks_program()) return;
  AnnotateIgnoreSyncEnd(__FILE__, __LINE__);
  __tsan_acquire(const_cast<void*>(at));
  AnnotateIgnoreSyncBegin(__FILE__, __LINE__);
}

}  // namespace goro::detail

#endif
