// expect: no viable constructor or deduction guide|class template argument deduction failed|no matching
// function
#include <goro/select.hpp>

void f(const goro::recv_chan<int>& in) { goro::send_case out{in, 1}; }
