// Programs that end by a fatal error, which no handler can catch: `fatal CASE`.
#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <thread>

#include <goro/diag.hpp>
#include <goro/goro.hpp>

namespace {

using namespace std::chrono_literals;

void go_of_a_null_pointer() {
  void (*function)() = nullptr;
  goro::go(function);
}

void go_of_an_empty_function() { goro::go(std::function<void(int)>(), 1); }

void go_of_a_null_member() {
  struct object {
    void member() {}
  };
  void (object::*member)() = nullptr;
  goro::go(member, object{});
}

void wait_group_go_of_nil() {
  goro::wait_group wg;
  wg.go(std::function<void()>());
}

void async_of_nil() { (void)goro::async(std::function<int()>()); }

void unlock_of_unlocked() {
  goro::mutex m;
  m.lock();
  m.unlock();
  m.unlock();
}

void unlock_of_unlocked_shared_mutex() {
  goro::shared_mutex m;
  m.lock_shared();
  m.unlock();  // although a reader holds it
}

void unlock_shared_of_unlocked() {
  goro::shared_mutex m;
  m.lock();
  m.unlock_shared();  // although a writer holds it
}

void wait_group_destroyed_with_a_count() {
  goro::wait_group wg;
  wg.add();
}

void exit_swallowed_by_a_catch_all() {
  goro::go([] {
    try {
      goro::this_goroutine::exit();
    } catch (...) {
    }
    std::puts("went on");
  });
  goro::sleep_for(10s);
}

void exit_while_an_exception_unwinds() {
  struct exits {
    ~exits() noexcept(false) { goro::this_goroutine::exit(); }
  };
  goro::go([] {
    const exits e;
    throw std::runtime_error("in flight");
  });
  goro::sleep_for(10s);
}

void exit_in_a_noexcept_function() {
  goro::go([]() noexcept { goro::this_goroutine::exit(); });
  goro::sleep_for(10s);
}

// The C++ runtime ends the process at a second handler, whatever that does.
void exit_in_a_handler_meets_another() {
  goro::go([] {
    try {
      throw std::runtime_error("in flight");
    } catch (const std::exception&) {
      try {
        goro::this_goroutine::exit();
      } catch (...) {
        throw;
      }
    }
  });
  goro::sleep_for(10s);
}

// The handler has been left when the function is met.
void exit_in_a_handler_in_a_noexcept_function() {
  goro::go([]() noexcept {
    try {
      throw std::runtime_error("in flight");
    } catch (const std::exception&) {
      goro::this_goroutine::exit();
    }
  });
  goro::sleep_for(10s);
}

void leak_check_fails() {
  const goro::chan<int> never;
  const goro::diag::leak_check check;
  goro::go(goro::go_options{}.name("leaked one"), [never] { never.recv(); });
}

void from_a_plain_thread() {
  std::thread([] { unlock_of_unlocked(); }).join();
}

const std::map<std::string, std::function<void()>> k_cases{
    {"go_null_pointer", go_of_a_null_pointer},
    {"go_empty_function", go_of_an_empty_function},
    {"go_null_member", go_of_a_null_member},
    {"wait_group_go_nil", wait_group_go_of_nil},
    {"async_nil", async_of_nil},
    {"unlock", unlock_of_unlocked},
    {"unlock_in_thread", from_a_plain_thread},
    {"rw_unlock", unlock_of_unlocked_shared_mutex},
    {"rw_unlock_shared", unlock_shared_of_unlocked},
    {"wait_group_count", wait_group_destroyed_with_a_count},
    {"exit_swallowed", exit_swallowed_by_a_catch_all},
    {"exit_while_unwinding", exit_while_an_exception_unwinds},
    {"exit_noexcept", exit_in_a_noexcept_function},
    {"exit_in_handler", exit_in_a_handler_meets_another},
    {"exit_in_handler_noexcept", exit_in_a_handler_in_a_noexcept_function},
    {"leak_check", leak_check_fails},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || !k_cases.contains(argv[1])) return 99;
  return goro::run([&] {
    const goro::scope_exit deferred([] { std::puts("deferred call ran"); });
    try {
      k_cases.at(argv[1])();
      std::puts("went on");
    } catch (...) {
      std::puts("caught");
    }
  });
}
