#include "server_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <span>
#include <stdexcept>
#include <utility>

#include "support/wait.hpp"

namespace goro_test {

namespace {

constexpr std::chrono::seconds k_patience{30};

pid_t start(const std::string& program, std::vector<std::string> arguments, int out) {
  arguments.insert(arguments.begin(), program);
  std::vector<char*> argv;
  for (std::string& a : arguments) argv.push_back(a.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  pid_t pid = -1;
  const int error = posix_spawn(&pid, program.c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error("cannot start " + program);
  return pid;
}

std::string read_line(int fd) {
  std::string line;
  char c = 0;
  while (::read(fd, &c, 1) == 1 && c != '\n') line += c;
  return line;
}

void limit_descriptors(pid_t pid, rlim_t most) {
  rlimit limit{};
  ::prlimit(pid, RLIMIT_NOFILE, nullptr, &limit);
  limit.rlim_cur = std::min(most, limit.rlim_max);
  if (::prlimit(pid, RLIMIT_NOFILE, &limit, nullptr) != 0) throw std::runtime_error("cannot limit it");
}

}  // namespace

server_process::server_process(const std::string& name, std::vector<std::string> arguments) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  arguments.insert(arguments.end(), {"--address", "127.0.0.1:0"});
  pid_ = start(std::string(GORO_TEST_SERVERS_DIR) + "/" + name, std::move(arguments), ends[1]);
  ::close(ends[1]);
  const std::string line = read_line(ends[0]);
  ::close(ends[0]);
  constexpr std::string_view k_before = "listening on ";
  if (!line.starts_with(k_before)) throw std::runtime_error(name + " says: " + line);
  address_ = line.substr(k_before.size());
}

server_process::~server_process() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

goro::net::tcp_conn server_process::dial() const {
  auto conn = goro::net::dial(goro::background(), address_);
  conn.value().set_deadline(goro::clock::now() + k_patience);
  return std::move(conn).value();
}

std::string server_process::ask(std::string_view bytes) const {
  auto conn = dial();
  // The server may have heard enough before all is written.
  static_cast<void>(conn.write(bytes));
  conn.close_write();
  return read_all(conn);
}

void server_process::signal(int number) const { ::kill(pid_, number); }

int server_process::wait(std::chrono::seconds limit) {
  int status = 0;
  if (!eventually([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; }, limit)) return -1;
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void server_process::forbid_descriptors() const {
  const std::string all = "/proc/" + std::to_string(pid_) + "/fd/";
  rlim_t next = 0;  // the first that is free
  while (std::filesystem::exists(std::filesystem::symlink_status(all + std::to_string(next)))) ++next;
  limit_descriptors(pid_, next);
}

void server_process::allow_descriptors() const { limit_descriptors(pid_, 1000); }

long server_process::peak_kb() const {
  std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stol(line.substr(6));
  }
  return -1;
}

}  // namespace goro_test
