// Where the exception was thrown that leaves a goroutine, and how many are on their way.
#pragma once

#include <typeinfo>

namespace goro::detail {

// Nobody throws it. The function under a goroutine catches it before `catch (...)`: whoever looks for a
// handler asks its type whether it matches, and that notes the stack (panic_trace.cpp).
class panic_probe {
 public:
  panic_probe(const panic_probe&) = delete;
  panic_probe& operator=(const panic_probe&) = delete;

 protected:
  virtual ~panic_probe();  // defined nowhere, so that the compiler leaves the type's description to us
};

struct goroutine;

// Goroutines whose destructors run because of an exception that nobody handles, but for the caller.
int panics_on_their_way() noexcept;
// It has come to the end of its stack.
void panic_has_arrived(goroutine& g) noexcept;

// The exception on its way through `g`; its type is null if there is none. It lives until it has arrived.
struct panic_on_its_way {
  const std::type_info* type = nullptr;
  void* object = nullptr;
};
panic_on_its_way panic_of(const goroutine& g) noexcept;

}  // namespace goro::detail
