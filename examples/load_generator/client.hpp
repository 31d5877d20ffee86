// One connection of the load generator: asks, waits for the answer, asks again.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <goro/context.hpp>
#include <goro/net.hpp>

#include "latencies.hpp"
#include "response_parser.hpp"

namespace load {

struct target {
  std::string address;
  std::string request;
  std::chrono::milliseconds timeout;
};

struct tally {
  latencies times;  // of responses below 400
  std::uint64_t bytes = 0;
  std::uint64_t connections = 0;
  std::map<std::string, std::uint64_t> errors;

  void add(const tally& other);
};

class client {
 public:
  explicit client(const target& t) : target_(t), buffer_(std::size_t{16} << 10) {}

  // Until the context is done, which cuts the last request off; that one does not count.
  void run(const goro::context& ctx);
  const tally& result() const noexcept { return tally_; }

 private:
  bool connect(const goro::context& ctx);
  // Asks as often as the connection lives, and closes it.
  void use_connection(const goro::context& ctx);
  // Empty: all went well.
  std::string ask();
  std::string read_response();

  const target& target_;
  std::optional<goro::net::tcp_conn> conn_;
  std::vector<std::byte> buffer_;
  response_parser parser_;
  tally tally_;
};

}  // namespace load
