// Tests of two hundred clients of one server, which have it to themselves.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "ecosystem/clients/company.hpp"
#include "ecosystem/clients/server.hpp"
#include "support/fixture.hpp"

namespace goro_test {

// How many threads there were when all clients stood at the gate, and at most.
struct thread_counts {
  std::size_t at_gate = 0;
  std::size_t most = 0;
};

class client_test : public procs_test {
 protected:
  explicit client_test(std::string kind) : kind_(std::move(kind)) {}

  void SetUp() override {
    server_.emplace(kind_);
    procs_test::SetUp();
  }
  void TearDown() override {
    procs_test::TearDown();
    server_.reset();
  }

  std::uint16_t port() const { return server_->port(); }

  // Each client blocks its thread: that costs as many.
  template <class F>
  static void expect_a_thread_each(F all_at_once) {
    in_goroutine([&] { EXPECT_GE(all_at_once().at_gate, std::size_t{k_clients}); });
  }
  // Each client waits in the poller.
  template <class F>
  static void expect_few_threads(F all_at_once) {
    // Where the tests share a process, those that the test before has left end after some seconds.
    ASSERT_TRUE(eventually([] { return count_threads() <= k_few_threads; }));
    in_goroutine([&] {
      const thread_counts seen = all_at_once();
      EXPECT_LE(seen.at_gate, k_few_threads);
      EXPECT_LE(seen.most, k_few_threads);
    });
  }

 private:
  const std::string kind_;
  std::optional<server> server_;
};

}  // namespace goro_test
