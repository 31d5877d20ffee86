// expect: no matching function for call to 'select
#include <goro/select.hpp>

void f() { goro::select(); }
