#include "ecosystem/clients/postgres_client.hpp"

#include <stdexcept>
#include <system_error>
#include <utility>

#include <goro/net.hpp>

namespace goro_test {

namespace {

// All is said here, so that nothing of the user's environment (PGHOST, ...) counts.
std::string address(std::uint16_t port) {
  return "hostaddr=127.0.0.1 port=" + std::to_string(port) +
         " user=goro dbname=postgres sslmode=disable gssencmode=disable";
}

[[noreturn]] void fail(PGconn* db) { throw std::runtime_error(::PQerrorMessage(db)); }

void check(PGconn* db, bool ok) {
  if (!ok) fail(db);
}

void check(std::error_code err) {
  if (err) throw std::system_error(err);
}

std::string first_field(PGconn* db, const PGresult* r) {
  const ExecStatusType status = ::PQresultStatus(r);
  check(db, status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK);
  return ::PQntuples(r) == 0 ? "" : ::PQgetvalue(r, 0, 0);
}

}  // namespace

blocking_postgres::blocking_postgres(std::uint16_t port) : db_(::PQconnectdb(address(port).c_str())) {
  check(db_.get(), ::PQstatus(db_.get()) == CONNECTION_OK);
}

std::string blocking_postgres::query(const std::string& sql) {
  const pg_result r(::PQexec(db_.get(), sql.c_str()));
  return first_field(db_.get(), r.get());
}

parking_postgres::parking_postgres(std::uint16_t port) : db_(::PQconnectStart(address(port).c_str())) {
  PGconn* db = db_.get();
  check(db, ::PQstatus(db) != CONNECTION_BAD);
  // The descriptor may be another one after each step.
  for (PostgresPollingStatusType next = PGRES_POLLING_WRITING; next != PGRES_POLLING_OK;) {
    check(db, next != PGRES_POLLING_FAILED);
    const int fd = ::PQsocket(db);
    check(next == PGRES_POLLING_READING ? goro::net::wait_readable(fd) : goro::net::wait_writable(fd));
    next = ::PQconnectPoll(db);
  }
  check(db, ::PQsetnonblocking(db, 1) == 0);
}

// A server that answers before it has read all could stop us here for ever; that takes queries of more than
// the sockets' buffers, which have to be read for while they are sent.
void parking_postgres::send(const std::string& sql) {
  PGconn* db = db_.get();
  check(db, ::PQsendQuery(db, sql.c_str()) == 1);
  for (int left; (left = ::PQflush(db)) != 0;) {
    check(db, left > 0);
    check(goro::net::wait_writable(::PQsocket(db)));
  }
}

pg_result parking_postgres::next_result() {
  PGconn* db = db_.get();
  while (::PQisBusy(db)) {
    check(goro::net::wait_readable(::PQsocket(db)));
    check(db, ::PQconsumeInput(db) == 1);
  }
  return pg_result(::PQgetResult(db));
}

std::string parking_postgres::query(const std::string& sql) {
  send(sql);
  pg_result last;
  while (pg_result r = next_result()) last = std::move(r);  // to the end, also after an error
  return first_field(db_.get(), last.get());
}

}  // namespace goro_test
