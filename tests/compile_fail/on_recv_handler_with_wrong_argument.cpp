// expect: goro::on_recv: the handler takes a std::optional of the element, or nothing
#include <goro/select.hpp>

void f(const goro::chan<int>& c) {
  goro::select(goro::on_recv(c, [](int*) {}));
}
