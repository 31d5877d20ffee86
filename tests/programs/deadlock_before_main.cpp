// Nobody can be woken any more, and main has not begun.
#include <goro/goro.hpp>

namespace {

const bool g_closed = !goro::chan<int>{}.recv();

}  // namespace

int main() { return g_closed ? 98 : 99; }
