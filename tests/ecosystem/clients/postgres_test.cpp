// libpq in goroutines, against a PostgreSQL of the test's own.
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>

#include <goro/goro.hpp>

#include "ecosystem/clients/company.hpp"
#include "ecosystem/clients/postgres_client.hpp"
#include "ecosystem/clients/server.hpp"
#include "support/fixture.hpp"

namespace {

using goro_test::blocking_postgres;
using goro_test::company;
using goro_test::eventually;
using goro_test::in_goroutine;
using goro_test::k_clients;
using goro_test::k_few_threads;
using goro_test::k_time_to_gather;
using goro_test::k_waits_of_each;
using goro_test::parking_postgres;
using namespace std::chrono_literals;

constexpr int k_rounds = k_waits_of_each / 50ms;

struct Postgres : goro_test::procs_test {
  void SetUp() override {
    server_.emplace("postgres");
    procs_test::SetUp();
  }
  void TearDown() override {
    procs_test::TearDown();
    server_.reset();
  }

  // What the tests look at when all clients stand at the gate, and afterwards.
  struct seen {
    std::size_t threads_at_gate = 0;
    std::size_t most_threads = 0;
  };
  template <class Client>
  seen all_at_once();

  std::optional<goro_test::server> server_;
};
INSTANTIATE_TEST_SUITE_P(Procs, Postgres, testing::Values(2));

// The gate is a lock of the server's that somebody else holds; the counter a row that all want to change.
template <class Client>
void work(Client& db, int me) {
  const std::string my = std::to_string(me);
  db.query("SELECT pg_advisory_lock_shared(1)");
  for (int i = 0; i != k_rounds; ++i) {
    db.query("INSERT INTO notes VALUES (" + my + ", " + my + " * 10 + " + std::to_string(i) + ")");
    db.query("SELECT pg_sleep(0.05)");
  }
  db.query("UPDATE counter SET n = n + " + my);
  EXPECT_EQ(
      db.query("SELECT count(*) || ' ' || sum(value) FROM notes WHERE client = " + my),
      std::to_string(k_rounds) + " " + std::to_string(k_rounds * 10 * me + k_rounds * (k_rounds - 1) / 2));
  EXPECT_THROW(db.query("SELECT nonsense"), std::runtime_error);
  const std::string text(20'000, static_cast<char>('a' + me % 26));
  EXPECT_EQ(db.query("SELECT '" + text + "' || '" + my + "'"), text + my);
}

template <class Client>
Postgres::seen Postgres::all_at_once() {
  seen result;
  company beside;
  Client owner(server_->port());
  owner.query("CREATE TABLE notes (client int, value int)");
  owner.query("CREATE TABLE counter (n int)");
  owner.query("INSERT INTO counter VALUES (0)");
  owner.query("SELECT pg_advisory_lock(1)");

  goro::wait_group ended;
  for (int me = 0; me != k_clients; ++me) {
    ended.go([me, port = server_->port()] {
      Client db(port);
      work(db, me);
    });
  }
  const std::string waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
  EXPECT_TRUE(
      eventually([&] { return owner.query(waiting) == std::to_string(k_clients); }, k_time_to_gather));
  result.threads_at_gate = goro_test::count_threads();

  const goro::time_point opened = goro::clock::now();
  owner.query("SELECT pg_advisory_unlock(1)");
  ended.wait();
  beside.expect_undisturbed(opened);
  result.most_threads = beside.most_threads();

  EXPECT_EQ(owner.query("SELECT n FROM counter"), std::to_string(k_clients * (k_clients - 1) / 2));
  EXPECT_EQ(owner.query("SELECT count(*) FROM notes"), std::to_string(k_clients * k_rounds));
  return result;
}

TEST_P(Postgres, SCHED_20_blocking_calls_of_libpq_cost_a_thread_each_and_nobody_the_turn) {
  in_goroutine([this] {
    const seen s = all_at_once<blocking_postgres>();
    EXPECT_GE(s.threads_at_gate, std::size_t{k_clients});
  });
}

TEST_P(Postgres, waiting_for_the_descriptor_of_libpq_takes_no_thread) {
  // Where the tests share a process, those that the test before has left end after some seconds.
  ASSERT_TRUE(eventually([] { return goro_test::count_threads() <= k_few_threads; }));
  in_goroutine([this] {
    const seen s = all_at_once<parking_postgres>();
    EXPECT_LE(s.threads_at_gate, k_few_threads);
    EXPECT_LE(s.most_threads, k_few_threads);
  });
}

}  // namespace
