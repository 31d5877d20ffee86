// The command line of the servers.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

namespace web {

struct options {
  std::string address = "127.0.0.1:8080";
  std::string root = ".";  // whose files are served
  std::string cert, key;   // PEM files; empty: a certificate is made at the start
  std::string write_cert;  // where to put the certificate that was made, for who wants to trust it
  std::chrono::milliseconds request_timeout{2000};   // how long a request may be worked on
  std::chrono::milliseconds header_timeout{10'000};  // how long its arrival may take
  std::chrono::milliseconds idle_timeout{60'000};    // how long a connection may be silent between requests
  std::chrono::milliseconds grace{10'000};           // how long requests may take to end at the shutdown
  std::size_t connections = 1000;                    // at once; more of them wait
};

// Prints the usage, or what is wrong, and returns nothing, with the exit code in `code`.
std::optional<options> parse(int argc, char** argv, int& code);

}  // namespace web
