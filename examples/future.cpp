// async(): a goroutine that owes a result. get() waits for it and returns it, or rethrows what the goroutine
// threw.
//
// An exception that leaves a goroutine started by go() ends the program, as in Go; one that leaves a
// goroutine started by async() waits in the future until somebody asks.

#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include <goro/goro.hpp>

namespace {

int parse_port(const std::string& text) {
  const int port = std::stoi(text);
  if (port < 1 || port > 65535) throw std::out_of_range(text + " is no port");
  return port;
}

}  // namespace

int main() {
  return goro::run([] {
    std::vector<goro::future<int>> ports;
    for (const char* text : {"80", "65536", "8080"})
      ports.push_back(goro::async(parse_port, std::string(text)));

    for (auto& port : ports) {  // all three run meanwhile; the results are asked for in order
      try {
        std::printf("port %d\n", port.get());
      } catch (const std::out_of_range& error) {
        std::printf("error: %s\n", error.what());
      }
    }
  });
}
