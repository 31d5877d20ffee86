// A variable of which each goroutine has its own, as each thread has of a thread_local.
#pragma once

#include <cstddef>

namespace goro {

namespace detail {
// Finds the calling goroutine's (or thread's) object for this key; makes it on first use.
void* local_object(const void* key, void* (*make)(), void (*destroy)(void*));
}  // namespace detail

// T{} on first use in a goroutine; destroyed at that goroutine's end, in reverse order of creation, while the
// goroutine can still park. On a plain thread the object belongs to the thread. The variable itself is a key:
// give it static storage. (In another one's place it would find that one's objects, if of the same type.) Use
// this where code without goroutines would use thread_local.
template <class T>
class goroutine_local {
 public:
  constexpr goroutine_local() noexcept = default;
  goroutine_local(const goroutine_local&) = delete;
  goroutine_local& operator=(const goroutine_local&) = delete;

  T& operator*() const {
    return *static_cast<T*>(detail::local_object(
        this, []() -> void* { return new T{}; }, [](void* p) { delete static_cast<T*>(p); }));
  }
  T* operator->() const { return &**this; }

 private:
  char key_ = 0;  // makes the address unique
};

}  // namespace goro
