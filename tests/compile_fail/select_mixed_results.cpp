// expect: goro::select: either all handlers return a value, or none does
// errors: 1
#include <goro/select.hpp>

void f(const goro::chan<int>& c) {
  goro::select(goro::on_recv(c, [] {}), goro::on_default([] { return 1; }));
}
