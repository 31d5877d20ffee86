// What a call panics with.
#pragma once

#include <string>

#include <goro/error.hpp>

namespace goro_test {

// The text of the goro::panic that f throws; "no panic" if it throws none.
template <class F>
std::string panic_text(F&& f) {
  try {
    f();
  } catch (const goro::panic& p) {
    return p.what();
  }
  return "no panic";
}

// The same, but only for goro::channel_closed.
template <class F>
std::string closed_text(F&& f) {
  try {
    f();
  } catch (const goro::channel_closed& p) {
    return p.what();
  }
  return "no panic";
}

}  // namespace goro_test
