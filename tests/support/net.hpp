// Sockets in tests.
#pragma once

#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <goro/net.hpp>

#include "support/fixture.hpp"
#include "support/stress.hpp"

namespace goro_test {

// Opens what the process keeps open from the first wait on: the poller's descriptors.
void warm_up_poller();

class net_test : public procs_test {
 protected:
  void SetUp() override {
    warm_up_poller();
    procs_test::SetUp();
  }
};

class net_stress_test : public stress_test {
 protected:
  void SetUp() override {
    warm_up_poller();
    stress_test::SetUp();
  }
};

// Runs body once in a goroutine and once on a plain thread.
void everywhere(const std::function<void()>& body);

// "127.0.0.1:0" and, if the machine has it, "[::1]:0".
std::vector<std::string> loopbacks();
bool has_ipv6();

struct tcp_pair {
  goro::net::tcp_conn client;
  goro::net::tcp_conn server;
};
// Two connected with each other.
tcp_pair connected(std::string_view address = "127.0.0.1:0");
goro::result<goro::net::tcp_conn> dial_to(const goro::net::tcp_listener& l);

// Writes until the kernel takes no more; how many bytes. Not for TCP, whose buffers grow.
std::size_t fill(int fd);
// More than the kernel takes: a write of it waits for the reader.
const std::string& too_much();
// From now on close() resets the connection.
void reset_on_close(int fd);

// Reads exactly n bytes, or up to the end.
std::string read_text(goro::net::conn& c, std::size_t n);
std::string read_all(goro::net::conn& c);
// What a read of one byte comes to.
goro::io_result read_one(goro::net::conn& c);

inline std::span<std::byte> bytes_of(std::string& s) { return std::as_writable_bytes(std::span(s)); }
inline std::span<const std::byte> bytes_of(std::string_view s) { return std::as_bytes(std::span(s)); }

// n bytes that differ from place to place, by seed.
std::string pattern(std::size_t n, unsigned seed = 0);

inline goro::time_point in(std::chrono::nanoseconds d) { return goro::clock::now() + d; }
inline goro::time_point long_ago() { return goro::clock::now() - std::chrono::seconds(1); }

}  // namespace goro_test
