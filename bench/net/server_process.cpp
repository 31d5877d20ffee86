#include "server_process.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <stdexcept>
#include <system_error>

namespace load {

server_process::server_process(const std::vector<std::string>& command) {
  std::vector<char*> args;
  args.reserve(command.size() + 1);
  for (const std::string& arg : command) args.push_back(const_cast<char*>(arg.c_str()));
  args.push_back(nullptr);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid_ > 0) return;
  // The kernel ends the server when we end, by whatever: a destructor would not run at a Ctrl-C or a SIGKILL.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // it happened before the line above
  dup2(STDERR_FILENO, STDOUT_FILENO);
  execvp(args[0], args.data());
  std::perror(args[0]);
  _exit(127);
}

server_process::~server_process() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void server_process::check_running() {
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) == 0) return;
  pid_ = -1;
  throw std::runtime_error(WIFEXITED(status)
                               ? "the server has ended, exit code " + std::to_string(WEXITSTATUS(status))
                               : "the server was killed by signal " + std::to_string(WTERMSIG(status)));
}

double server_process::cpu_seconds() const {
  clockid_t cpu_clock{};
  timespec used{};
  if (clock_getcpuclockid(pid_, &cpu_clock) != 0 || clock_gettime(cpu_clock, &used) != 0) {
    throw std::runtime_error("no CPU time of the server");
  }
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

std::uint16_t free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  const bool ok = bind(fd, any, size) == 0 && getsockname(fd, any, &size) == 0;
  const int error = errno;
  close(fd);
  if (!ok) throw std::system_error(error, std::generic_category(), "no free port");
  return ntohs(address.sin_port);
}

}  // namespace load
