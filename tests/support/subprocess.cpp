#include "support/subprocess.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "support/build.hpp"

extern char** environ;

namespace goro_test {

namespace {

using std::chrono::steady_clock;

struct pipe_ends {
  int read = -1;
  int write = -1;
  pipe_ends() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
    read = ends[0];
    write = ends[1];
  }
  ~pipe_ends() {
    close_write();
    ::close(read);
  }
  pipe_ends(const pipe_ends&) = delete;
  pipe_ends& operator=(const pipe_ends&) = delete;
  void close_write() {
    if (write != -1) ::close(write);
    write = -1;
  }
};

std::vector<std::string> make_environment(const std::vector<std::string>& changes) {
  const auto name_of = [](std::string_view entry) { return entry.substr(0, entry.find('=')); };
  std::vector<std::string> all;
  for (char** e = environ; *e; ++e) {
    const bool replaced = std::any_of(changes.begin(), changes.end(),
                                      [&](const std::string& c) { return name_of(c) == name_of(*e); });
    if (!replaced && !(k_asan && name_of(*e) == "ASAN_OPTIONS")) all.emplace_back(*e);
  }
  const bool chosen = std::any_of(changes.begin(), changes.end(),
                                  [&](const std::string& c) { return name_of(c) == "ASAN_OPTIONS"; });
  if (k_asan && !chosen) {  // what a test leaves behind on purpose is no leak
    const char* options = std::getenv("ASAN_OPTIONS");
    all.push_back(std::string("ASAN_OPTIONS=") + (options ? options : "") + ":detect_leaks=0");
  }
  std::copy_if(changes.begin(), changes.end(), std::back_inserter(all),
               [](const std::string& c) { return c.find('=') != std::string::npos; });
  return all;
}

std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& s : strings) pointers.push_back(s.data());
  pointers.push_back(nullptr);
  return pointers;
}

// GORO_TEST_EMULATOR="qemu-aarch64 -L /usr/aarch64-linux-gnu" runs the programs of a cross-build.
std::vector<std::string> make_command(const std::string& name, const std::vector<std::string>& arguments) {
  std::vector<std::string> command;
  if (const char* emulator = std::getenv("GORO_TEST_EMULATOR")) {
    std::istringstream words(emulator);
    for (std::string word; words >> word;) command.push_back(word);
  }
  command.push_back(program_path(name));
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

pid_t start(std::vector<std::string> command, std::vector<std::string> environment, int out, int err) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
  pid_t child = -1;
  const int error = ::posix_spawnp(&child, command[0].c_str(), &actions, nullptr, pointers_to(command).data(),
                                   pointers_to(environment).data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    throw std::system_error(error, std::generic_category(), "cannot start " + command[0]);
  }
  return child;
}

// Reads both pipes until the child has closed them; false when the deadline came first.
bool collect(int out, int err, program_result& result, steady_clock::time_point deadline) {
  std::array<pollfd, 2> fds{{{out, POLLIN, 0}, {err, POLLIN, 0}}};
  std::array<std::string*, 2> texts{&result.out, &result.err};
  while (fds[0].fd != -1 || fds[1].fd != -1) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now()).count();
    if (left <= 0) return false;
    if (::poll(fds.data(), fds.size(), static_cast<int>(left)) < 0 && errno != EINTR) return false;
    for (std::size_t i = 0; i < fds.size(); ++i) {
      if (fds[i].fd == -1 || fds[i].revents == 0) continue;
      std::array<char, 4096> buffer{};
      const ssize_t n = ::read(fds[i].fd, buffer.data(), buffer.size());
      if (n > 0) {
        texts[i]->append(buffer.data(), static_cast<std::size_t>(n));
      } else if (n == 0) {
        fds[i].fd = -1;
      }
    }
  }
  return true;
}

}  // namespace

program_result run_program(const std::string& name, const std::vector<std::string>& arguments,
                           const std::vector<std::string>& environment, std::chrono::seconds timeout) {
  return run_command(make_command(name, arguments), environment, timeout);
}

program_result run_command(std::vector<std::string> command, const std::vector<std::string>& environment,
                           std::chrono::seconds timeout) {
  pipe_ends out;
  pipe_ends err;
  const auto begin = steady_clock::now();
  const pid_t child = start(std::move(command), make_environment(environment), out.write, err.write);
  out.close_write();
  err.close_write();

  program_result result;
  result.timed_out = !collect(out.read, err.read, result, begin + timeout);
  if (result.timed_out) ::kill(child, SIGKILL);
  int status = 0;
  rusage usage{};
  while (::wait4(child, &status, 0, &usage) < 0 && errno == EINTR) {
  }
  result.elapsed = steady_clock::now() - begin;
  if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  const auto seconds = [](const timeval& tv) {
    return std::chrono::duration<double>(static_cast<double>(tv.tv_sec) +
                                         static_cast<double>(tv.tv_usec) / 1e6);
  };
  result.cpu = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  result.max_resident_kb = usage.ru_maxrss;
  return result;
}

std::string program_path(const std::string& name) { return std::string(GORO_TEST_PROGRAMS_DIR) + "/" + name; }

std::size_t count_lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace goro_test
