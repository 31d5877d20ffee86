// A server of examples/ as a sub-process on a port of its own.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <goro/net.hpp>

#include "support/net.hpp"

namespace goro_test {

class server_process {
 public:
  // Returns when it listens. Throws std::runtime_error if it does not.
  explicit server_process(const std::string& name, std::vector<std::string> arguments = {});
  ~server_process();  // kills it
  server_process(const server_process&) = delete;
  server_process& operator=(const server_process&) = delete;

  const std::string& address() const { return address_; }
  goro::net::tcp_conn dial() const;
  // What one connection has to say to these bytes, up to its end.
  std::string ask(std::string_view bytes) const;

  void signal(int number) const;
  // Its exit code; -1 if a signal ended it, or if it has not ended in time.
  int wait(std::chrono::seconds limit = std::chrono::seconds(20));
  // Lets it open nothing more, until it may again.
  void forbid_descriptors() const;
  void allow_descriptors() const;
  // The most memory that it ever had.
  long peak_kb() const;

 private:
  pid_t pid_ = -1;
  std::string address_;
};

}  // namespace goro_test
