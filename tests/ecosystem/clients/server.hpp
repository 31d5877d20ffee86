// A PostgreSQL or Redis server for one test, on a loopback port of its own, with its files in a temporary
// folder. Servers of the system are neither used nor touched.
#pragma once

#include <cstdint>
#include <string>

namespace goro_test {

class server {
 public:
  // "postgres" or "redis". Returns when it answers; throws std::runtime_error with what it has said if it
  // does not come up.
  explicit server(const std::string& kind);
  // Returns when it is gone. It also ends if this process is killed: keep_server.sh says how.
  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  std::uint16_t port() const noexcept { return port_; }

 private:
  // What it said: "ready\n", or why it is not.
  std::string start(const std::string& kind);
  void stop() noexcept;

  std::uint16_t port_ = 0;
  int alive_ = -1;   // our end of the pipe that says that we live
  int report_ = -1;  // where it says how it fares, and closes at its end
};

}  // namespace goro_test
