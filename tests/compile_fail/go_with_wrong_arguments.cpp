// expect: no matching function for call to 'go
#include <goro/go.hpp>

void f() {
  goro::go([](int) {}, "not a number");
}
