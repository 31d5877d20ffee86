// expect: goro::select: there is more than one on_default
#include <goro/select.hpp>

void f() {
  goro::select(goro::on_default([] {}), goro::on_default([] {}));
}
