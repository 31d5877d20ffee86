// A connection to Redis, in hiredis' two ways: redisCommand, which blocks its thread, and a context that does
// not, with a goroutine that waits for its descriptor. Failures throw std::runtime_error.
#pragma once

#include <hiredis/hiredis.h>

#include <cstdarg>
#include <cstdint>
#include <memory>

namespace goro_test {

struct redis_closer {
  void operator()(redisContext* c) const noexcept { ::redisFree(c); }
  void operator()(redisReply* r) const noexcept { ::freeReplyObject(r); }
};
using redis_connection = std::unique_ptr<redisContext, redis_closer>;
using redis_reply = std::unique_ptr<redisReply, redis_closer>;

// Straight-line code as anybody writes it who knows nothing of goroutines.
class blocking_redis {
 public:
  explicit blocking_redis(std::uint16_t port);
  [[gnu::format(printf, 2, 3)]] redis_reply command(const char* format, ...);

 private:
  redis_connection db_;
};

// The same, without a thread while it waits.
class parking_redis {
 public:
  explicit parking_redis(std::uint16_t port);
  [[gnu::format(printf, 2, 3)]] redis_reply command(const char* format, ...);

 private:
  void send();
  redis_reply receive();

  redis_connection db_;
};

}  // namespace goro_test
