// The server under load, as a child that cannot outlive the program that started it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace load {

class server_process {
 public:
  // Starts command[0], found as a shell finds it, with its arguments; its standard output goes to standard
  // error.
  explicit server_process(const std::vector<std::string>& command);
  server_process(const server_process&) = delete;
  server_process& operator=(const server_process&) = delete;
  ~server_process();  // kills it and waits for its end

  // Throws with its exit code when it has ended.
  void check_running();
  // User and system time that all its threads have used so far.
  double cpu_seconds() const;

 private:
  pid_t pid_;
};

// A TCP port of the loopback that nobody uses at the moment.
std::uint16_t free_port();

}  // namespace load
