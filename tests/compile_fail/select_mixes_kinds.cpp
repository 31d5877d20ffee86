// expect: goro::select: either case objects that have a name, or handlers
#include <goro/select.hpp>

void f(const goro::chan<int>& c) {
  goro::recv_case from{c};
  goro::select(from, goro::on_default([] {}));
}
