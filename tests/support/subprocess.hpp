// Programs of tests/programs run as sub-processes, for what ends a process: fatal errors, panics, exit codes.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace goro_test {

struct program_result {
  int exit_code = -1;  // -1 if a signal ended it
  int signal = 0;
  bool timed_out = false;  // it was killed
  std::string out;
  std::string err;
  std::chrono::duration<double> elapsed{};
  std::chrono::duration<double> cpu{};  // user and system time of the process
  long max_resident_kb = 0;
};

// Runs a program of tests/programs and waits for its end. `environment` holds "NAME=value" entries that come
// on top of this process's own; "NAME" alone removes a variable. From a plain thread.
program_result run_program(const std::string& name, const std::vector<std::string>& arguments = {},
                           const std::vector<std::string>& environment = {},
                           std::chrono::seconds timeout = std::chrono::seconds(30));

// The same for any command: a program by its path, or found in PATH, and its arguments. Throws
// std::system_error if it cannot be started.
program_result run_command(std::vector<std::string> command, const std::vector<std::string>& environment = {},
                           std::chrono::seconds timeout = std::chrono::seconds(30));

// Where a program of tests/programs lies.
std::string program_path(const std::string& name);

// How many lines a text has.
std::size_t count_lines(const std::string& text);

}  // namespace goro_test
