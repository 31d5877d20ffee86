// Looking into a running program: who is there, what each waits for, who was left behind.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include <goro/runtime.hpp>

namespace goro::diag {

// One goroutine as it was at the moment of the call.
struct goroutine_info {
  std::uint64_t id = 0;
  std::string name;           // empty unless go_options named it
  std::string state;          // "runnable", "running", or what it waits for: "chan receive", "sleep", ...
  std::string created_at;     // "file:line (function)" of the call that started it
  std::uint64_t creator = 0;  // id of the goroutine that started it; 0: a plain thread
  std::size_t stack_limit =
      0;  // bytes that its stack may take, as they were asked for: it has that many or more; 0: no stack yet
  std::size_t stack_used =
      0;  // bytes of it that hold memory: the most that was used, until unused pages are given back
};

// All goroutines that have been started and have not ended, by id. A snapshot of a moving target: each entry
// is consistent, the set may miss one that starts or ends meanwhile. Allocates; does not park.
std::vector<goroutine_info> goroutines();

// Writes the list in Go's shape: "goroutine N [reason]:" and "created at ...".
void dump_goroutines(std::ostream& out);

// Fails the program when goroutines that were started in its scope outlive it. At the end of the scope it
// waits up to one second for them; then it is fatal, with a dump of those that are left.
class leak_check {
 public:
  leak_check();
  ~leak_check();
  leak_check(const leak_check&) = delete;
  leak_check& operator=(const leak_check&) = delete;

  // How many goroutines started since the constructor have not ended yet. Does not wait.
  std::size_t leaked() const;

 private:
  std::vector<std::uint64_t> before_;
};

}  // namespace goro::diag
