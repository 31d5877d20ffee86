// expect: goro::chan<T>: T needs a move constructor and a destructor that are noexcept
#include <goro/chan.hpp>

struct throws_on_move {
  throws_on_move() = default;
  throws_on_move(throws_on_move&&) noexcept(false) {}
};

void f() {
  goro::chan<throws_on_move> c;
  c.send(throws_on_move{});
}
