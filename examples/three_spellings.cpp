// Three ways to say what a goroutine shall do: a function with arguments, a lambda, a member function.
//
// Arguments are copied (or moved) into the goroutine before go() returns, so the caller may change or destroy
// its own. Where the goroutine is meant to share an object, say so: a pointer, a std::ref, a reference in the
// capture.

#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include <goro/goro.hpp>

namespace {

void greet(const std::string& who, const goro::chan<std::string>& out) {
  out.send("a function greets " + who);
}

class greeter {
 public:
  explicit greeter(std::string who) : who_(std::move(who)) {}
  void greet(const goro::chan<std::string>& out) const { out.send("a member function greets " + who_); }

 private:
  std::string who_;
};

}  // namespace

int main() {
  return goro::run([] {
    const goro::chan<std::string> out;

    std::string who = "Ada";
    goro::go(greet, who, out);
    who = "nobody";  // too late to be seen: the goroutine has a copy
    std::puts(out.recv().value().c_str());

    auto only_one = std::make_unique<std::string>("Grace");  // a closure may be move-only
    goro::go([out, owned = std::move(only_one)] { out.send("a lambda greets " + *owned); });
    std::puts(out.recv().value().c_str());

    const greeter object("Barbara");  // outlives the goroutine: main waits for the answer
    goro::go(&greeter::greet, &object, out);
    std::puts(out.recv().value().c_str());
  });
}
