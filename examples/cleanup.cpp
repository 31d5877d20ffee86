// How a goroutine ends, and that it cleans up on every way out: return, exit() and an exception run its
// destructors.

#include <cstdio>
#include <stdexcept>
#include <string>

#include <goro/goro.hpp>

namespace {

enum class way { go_on, leave, fail };

void leave_from_deep_inside(way out) {
  if (out == way::leave) goro::this_goroutine::exit();  // ends this goroutine only, from any depth
  if (out == way::fail) throw std::runtime_error("no more paper");
}

void work(const std::string& name, way out) {
  std::printf("%s starts\n", name.c_str());
  const goro::scope_exit last([&] { std::printf("%s has cleaned up\n", name.c_str()); });  // Go's defer
  leave_from_deep_inside(out);
  std::printf("%s reaches its end\n", name.c_str());
}

}  // namespace

int main() {
  return goro::run([] {
    for (const way out : {way::go_on, way::leave}) {
      goro::wait_group wg;  // done() comes on every way out
      wg.go([=] { work(out == way::go_on ? "the first" : "the second", out); });
      wg.wait();
    }
    auto third = goro::async([] { work("the third", way::fail); });
    try {
      third.get();
    } catch (const std::runtime_error& error) {
      std::printf("the third failed: %s\n", error.what());
    }
  });
}
