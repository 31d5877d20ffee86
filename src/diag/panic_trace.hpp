// Where the exception was thrown that leaves a goroutine.
#pragma once

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

}  // namespace goro::detail
