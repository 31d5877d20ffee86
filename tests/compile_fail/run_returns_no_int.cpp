// expect: goro::run: the main function returns void or something that converts to int
#include <goro/go.hpp>

#include <string>

int f() {
  return goro::run([] { return std::string("text"); });
}
