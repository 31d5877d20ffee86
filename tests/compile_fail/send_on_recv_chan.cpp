// expect: recv_chan<int>' has no member named 'send'|no member named 'send' in 'goro::recv_chan
#include <goro/chan.hpp>

void f(const goro::recv_chan<int>& in) { in.send(1); }
