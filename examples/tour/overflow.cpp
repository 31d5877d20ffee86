// A recursion that never ends, and its report: a part of chapter 4 that ends its process, so it has one of
// its own.

#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <sstream>
#include <string>

#include "tour.hpp"

namespace tour {

namespace {

constexpr std::size_t k_limit = std::size_t{128} << 10;
constexpr std::size_t k_shown = 6;  // lines

[[noreturn]] void become_overflow(int standard_error) {
  ::dup2(standard_error, STDERR_FILENO);
  ::execl("/proc/self/exe", "tour", k_overflow_flag, nullptr);
  ::_exit(99);
}

std::string read_all(int fd) {
  std::string all;
  char text[4096];
  for (ssize_t n = 0; (n = ::read(fd, text, sizeof text)) > 0;) all.append(text, static_cast<std::size_t>(n));
  return all;
}

}  // namespace

std::size_t dive(std::size_t n) {
  constexpr std::size_t k_frame = 4000;
  volatile std::byte frame[k_frame];
  frame[0] = std::byte{1};
  const std::size_t below = n > k_frame ? dive(n - k_frame) : 0;
  return below + static_cast<std::size_t>(frame[0]);
}

int overflow_on_purpose() {
  return goro::run([] {
    goro::chan<std::size_t> never;
    goro::go(goro::go_options{}.name("recursion").stack(k_limit), [never] { never.send(dive(k_limit * 4)); });
    never.recv();
  });
}

void overflow_is_reported() {
  int ends[2];
  if (::pipe(ends) != 0) return check(false, "a pipe can be made");
  const pid_t child = ::fork();
  if (child == 0) become_overflow(ends[1]);
  ::close(ends[1]);
  const std::string report = read_all(ends[0]);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  say("a goroutine that may use %zu KB recursed without end; the last words of its process:", k_limit / 1024);
  std::istringstream lines(report);
  std::string line;
  for (std::size_t i = 0; i != k_shown && std::getline(lines, line); ++i) say("    %s", line.c_str());
  check(WIFEXITED(status) && WEXITSTATUS(status) == 2 && report.find("\"recursion\"") != std::string::npos,
        "an overflow is reported with the goroutine's name and the place that started it, and ends with code "
        "2");
}

}  // namespace tour
