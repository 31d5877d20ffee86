// libpq in goroutines, against a PostgreSQL of the test's own.
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>

#include <goro/goro.hpp>

#include "ecosystem/clients/client_test.hpp"
#include "ecosystem/clients/postgres_client.hpp"

namespace {

using goro_test::blocking_postgres;
using goro_test::company;
using goro_test::eventually;
using goro_test::k_clients;
using goro_test::k_time_to_gather;
using goro_test::k_waits_of_each;
using goro_test::parking_postgres;
using goro_test::thread_counts;
using namespace std::chrono_literals;

constexpr int k_rounds = k_waits_of_each / 50ms;

struct Postgres : goro_test::client_test {
  Postgres() : client_test("postgres") {}
  template <class Client>
  thread_counts all_at_once();
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
thread_counts Postgres::all_at_once() {
  thread_counts result;
  company beside;
  Client owner(port());
  owner.query("CREATE TABLE notes (client int, value int)");
  owner.query("CREATE TABLE counter (n int)");
  owner.query("INSERT INTO counter VALUES (0)");
  owner.query("SELECT pg_advisory_lock(1)");

  goro::wait_group ended;
  for (int me = 0; me != k_clients; ++me) {
    ended.go([me, port = port()] {
      Client db(port);
      work(db, me);
    });
  }
  const std::string waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
  EXPECT_TRUE(
      eventually([&] { return owner.query(waiting) == std::to_string(k_clients); }, k_time_to_gather));
  result.at_gate = goro_test::count_threads();

  const goro::time_point opened = goro::clock::now();
  owner.query("SELECT pg_advisory_unlock(1)");
  ended.wait();
  beside.expect_undisturbed(opened);
  result.most = beside.most_threads();

  EXPECT_EQ(owner.query("SELECT n FROM counter"), std::to_string(k_clients * (k_clients - 1) / 2));
  EXPECT_EQ(owner.query("SELECT count(*) FROM notes"), std::to_string(k_clients * k_rounds));
  return result;
}

TEST_P(Postgres, SCHED_20_blocking_calls_of_libpq_cost_a_thread_each_and_nobody_the_turn) {
  expect_a_thread_each([this] { return all_at_once<blocking_postgres>(); });
}

TEST_P(Postgres, waiting_for_the_descriptor_of_libpq_takes_no_thread) {
  expect_few_threads([this] { return all_at_once<parking_postgres>(); });
}

}  // namespace
