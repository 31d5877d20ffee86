// The goroutine_local objects of one goroutine or thread.
#pragma once

#include <vector>

namespace goro::detail {

// In order of creation.
struct goroutine_locals {
  struct object {
    const void* key;
    void* value;
    void (*destroy)(void*);
  };
  std::vector<object> objects;

  goroutine_locals() = default;
  goroutine_locals(const goroutine_locals&) = delete;
  goroutine_locals& operator=(const goroutine_locals&) = delete;
  // A destructor may use other locals, or make new ones: they are destroyed too.
  ~goroutine_locals() {
    while (!objects.empty()) {
      const object last = objects.back();
      objects.pop_back();
      last.destroy(last.value);
    }
  }
};

// Those of the calling thread; destroyed when it ends. Only for plain threads.
goroutine_locals& thread_locals();

}  // namespace goro::detail
