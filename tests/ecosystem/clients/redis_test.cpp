// hiredis in goroutines, against a Redis of the test's own.
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <string>

#include <goro/goro.hpp>

#include "ecosystem/clients/client_test.hpp"
#include "ecosystem/clients/redis_client.hpp"

namespace {

using goro_test::blocking_redis;
using goro_test::company;
using goro_test::eventually;
using goro_test::k_clients;
using goro_test::k_time_to_gather;
using goro_test::k_waits_of_each;
using goro_test::parking_redis;
using goro_test::redis_reply;
using goro_test::thread_counts;
using namespace std::chrono_literals;

constexpr int k_waits = k_waits_of_each / 50ms;
constexpr int k_rounds = 20;

struct Redis : goro_test::client_test {
  Redis() : client_test("redis") {}
  template <class Client>
  thread_counts all_at_once();
};
INSTANTIATE_TEST_SUITE_P(Procs, Redis, testing::Values(2));

std::string text_of(const redis_reply& reply) { return {reply->str, reply->len}; }

// The token goes through all clients, each of which is blocked in the server until the one before it has it:
// nobody may keep another one from getting on. Who waits for it is at the gate.
template <class Client>
void pass_token_on(Client& db, int me) {
  const redis_reply got = db.command("BLPOP token:%d 30", me);
  ASSERT_EQ(got->type, REDIS_REPLY_ARRAY);
  const int token = std::stoi(std::string(got->element[1]->str, got->element[1]->len));
  EXPECT_EQ(token, me);
  db.command("RPUSH token:%d %d", me + 1, token + 1);
}

template <class Client>
void work(Client& db, int me) {
  for (int i = 0; i != k_rounds; ++i) {
    const std::string value = "value " + std::to_string(me) + " " + std::to_string(i);
    EXPECT_EQ(text_of(db.command("SET key:%d %s", me, value.c_str())), "OK");
    EXPECT_EQ(text_of(db.command("GET key:%d", me)), value);
    db.command("INCR counter");
    EXPECT_EQ(db.command("INCR counter:%d", me)->integer, i + 1);
  }
  for (int i = 0; i != k_waits; ++i) {
    EXPECT_EQ(db.command("BLPOP nothing:%d 0.05", me)->type, REDIS_REPLY_NIL);
  }
}

template <class Client>
thread_counts Redis::all_at_once() {
  thread_counts result;
  company beside;
  goro::wait_group ended;
  for (int me = 0; me != k_clients; ++me) {
    ended.go([me, port = port()] {
      Client db(port);
      pass_token_on(db, me);
      work(db, me);
    });
  }
  Client owner(port());
  const std::string waiting = "blocked_clients:" + std::to_string(k_clients) + "\r";
  EXPECT_TRUE(
      eventually([&] { return text_of(owner.command("INFO clients")).find(waiting) != std::string::npos; },
                 k_time_to_gather));
  result.at_gate = goro_test::count_threads();

  const goro::time_point opened = goro::clock::now();
  owner.command("RPUSH token:0 0");
  ended.wait();
  beside.expect_undisturbed(opened);
  result.most = beside.most_threads();

  EXPECT_EQ(text_of(owner.command("GET counter")), std::to_string(k_clients * k_rounds));
  EXPECT_EQ(text_of(owner.command("LPOP token:%d", k_clients)), std::to_string(k_clients));
  return result;
}

TEST_P(Redis, SCHED_20_blocking_calls_of_hiredis_cost_a_thread_each_and_nobody_the_turn) {
  expect_a_thread_each([this] { return all_at_once<blocking_redis>(); });
}

TEST_P(Redis, waiting_for_the_descriptor_of_hiredis_takes_no_thread) {
  expect_few_threads([this] { return all_at_once<parking_redis>(); });
}

}  // namespace
