// Chapter 1: what a goroutine is, and the three ways to start one.

#include <memory>
#include <set>
#include <string>
#include <utility>

#include "tour.hpp"

namespace tour {

namespace {

using words = goro::chan<std::string>;

void greet(const std::string& who, const words& out) { out.send("function " + who); }

class greeter {
 public:
  explicit greeter(std::string who) : who_(std::move(who)) {}
  void greet(const words& out) const { out.send("member function " + who_); }

 private:
  std::string who_;
};

void three_spellings() {
  say("Three spellings: a function with its arguments, a lambda, a member function.");
  const words out;
  const greeter object("Barbara");
  auto owned = std::make_unique<std::string>("Grace");

  std::string who = "Ada";
  goro::go(greet, who, out);
  who = "nobody";
  goro::go([out, name = std::move(owned)] { out.send("lambda " + *name); });
  goro::go(&greeter::greet, &object, out);

  std::set<std::string> heard;
  for (int i = 0; i != 3; ++i) heard.insert(out.recv().value());
  check(heard.contains("function Ada"),
        "arguments are copied when go() is called; later changes do not show");
  check(heard.contains("lambda Grace"), "a lambda may own what cannot be copied, here a unique_ptr");
  check(heard.contains("member function Barbara"), "a member function runs on the object it was given");
}

void beside_its_caller() {
  say("go() does not wait. The goroutine runs beside its caller, and speaks to it over a channel.");
  const goro::chan<int> question;
  const goro::chan<int> answer;
  eventually([] { return goro::goroutine_count() == 1; });  // who has spoken may not have ended yet
  const std::size_t before = goro::goroutine_count();
  goro::go([=] {
    for (const int n : question) answer.send(n * 2);
    answer.close();
  });
  check(goro::goroutine_count() == before + 1, "there is one goroutine more than before");
  question.send(21);
  check(answer.recv() == 42, "it was asked for 21 * 2 and answered 42");
  question.close();
  check(!answer.recv().has_value(), "its channel was closed, so it closed its own and ended");
  check(eventually([before] { return goro::goroutine_count() == before; }), "and it is gone");
}

void identity() {
  say("A goroutine has a number, and a name if you give it one.");
  using who = std::pair<goro::goroutine_id, std::string>;
  const goro::chan<who> out;
  goro::go(goro::go_options{}.name("writer"),
           [out] { out.send({goro::this_goroutine::id(), std::string(goro::this_goroutine::name())}); });
  const who w = out.recv().value();
  say("main is goroutine %llu, the new one is goroutine %llu, \"%s\"",
      static_cast<unsigned long long>(goro::this_goroutine::id()), static_cast<unsigned long long>(w.first),
      w.second.c_str());
  check(goro::this_goroutine::id() == 1 && w.first > 1 && w.second == "writer",
        "number and name are as expected");
}

}  // namespace

void chapter_what(const settings&) {
  say("A goroutine is a function that runs beside its caller, on a small stack of its own. The library "
      "places");
  say("the goroutines on threads; blocking one does not block a thread. So write plain blocking code.");
  three_spellings();
  beside_its_caller();
  identity();
  say("A function that owes a result: async() returns a future.");
  check(goro::async([](int a, int b) { return a * b; }, 6, 7).get() == 42, "async(6 * 7).get() is 42");
}

}  // namespace tour
