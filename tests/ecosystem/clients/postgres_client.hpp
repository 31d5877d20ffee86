// A connection to PostgreSQL, in libpq's two ways: PQexec, which blocks its thread, and the interface that
// tells its descriptor, with a goroutine that waits for that. Failures throw std::runtime_error.
#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <memory>
#include <string>

namespace goro_test {

struct pg_closer {
  void operator()(PGconn* c) const noexcept { ::PQfinish(c); }
  void operator()(PGresult* r) const noexcept { ::PQclear(r); }
};
using pg_connection = std::unique_ptr<PGconn, pg_closer>;
using pg_result = std::unique_ptr<PGresult, pg_closer>;

// Straight-line code as anybody writes it who knows nothing of goroutines.
class blocking_postgres {
 public:
  explicit blocking_postgres(std::uint16_t port);
  // The first column of the first row; empty if there is none.
  std::string query(const std::string& sql);

 private:
  pg_connection db_;
};

// The same, without a thread while it waits.
class parking_postgres {
 public:
  explicit parking_postgres(std::uint16_t port);
  std::string query(const std::string& sql);

 private:
  void send(const std::string& sql);
  pg_result next_result();

  pg_connection db_;
};

}  // namespace goro_test
