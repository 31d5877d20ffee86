// expect: goro::select: either all handlers return a value, or none does
#include <goro/select.hpp>

void f(const goro::chan<int>& c) {
  goro::select(goro::on_recv(c, [] { return 1; }), goro::on_default([] {}));
}
