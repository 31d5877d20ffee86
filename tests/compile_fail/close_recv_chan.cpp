// expect: recv_chan<int>' has no member named 'close'|no member named 'close' in 'goro::recv_chan
#include <goro/chan.hpp>

void f(const goro::recv_chan<int>& in) { in.close(); }
