#include "ecosystem/clients/server.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <system_error>

#include <goro/net.hpp>

#include "support/watchdog.hpp"

namespace goro_test {

namespace {

// How often another port is tried: between its choice and the server's start somebody else may take it.
constexpr int k_attempts = 3;
// initdb, on a machine that has other things to do.
constexpr std::chrono::seconds k_time_to_start{60};

std::uint16_t free_port() { return goro::net::listen("127.0.0.1:0").value().local().port(); }

void check(int error, const char* what) {
  if (error != 0) throw std::system_error(error, std::generic_category(), what);
}

// Reads up to the end of the first line, or of the stream.
std::string read_line(int fd) {
  std::string line;
  for (char c = 0; c != '\n' && ::read(fd, &c, 1) == 1;) line += c;
  return line;
}

std::string read_all(int fd) {
  std::string all;
  std::array<char, 4096> part;
  for (ssize_t n; (n = ::read(fd, part.data(), part.size())) > 0;)
    all.append(part.data(), static_cast<std::size_t>(n));
  return all;
}

}  // namespace

server::server(const std::string& kind) {
  allow_longer(k_time_to_start);
  std::string said;
  for (int i = 0; i != k_attempts; ++i) {
    said = start(kind);
    if (said == "ready\n") return;
    said += read_all(report_);
    stop();
  }
  throw std::runtime_error(said);
}

server::~server() { stop(); }

std::string server::start(const std::string& kind) {
  port_ = free_port();
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  check(::pipe2(in.data(), O_CLOEXEC) == 0 ? 0 : errno, "pipe2");
  check(::pipe2(out.data(), O_CLOEXEC) == 0 ? 0 : errno, "pipe2");
  alive_ = in[1];
  report_ = out[0];
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  std::string script = GORO_KEEP_SERVER;
  std::string what = kind;
  std::string port = std::to_string(port_);
  const std::array<char*, 4> arguments{script.data(), what.data(), port.data(), nullptr};
  pid_t child = 0;
  const int error = ::posix_spawn(&child, script.c_str(), &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(in[0]);
  ::close(out[1]);
  check(error, GORO_KEEP_SERVER);
  ::waitpid(child, nullptr, 0);  // it goes on in a process that is nobody's child
  return read_line(report_);
}

void server::stop() noexcept {
  if (alive_ < 0) return;
  ::close(alive_);
  for (char c = 0; ::read(report_, &c, 1) > 0;) {
  }
  ::close(report_);
  alive_ = report_ = -1;
}

}  // namespace goro_test
