#include "ecosystem/clients/redis_client.hpp"

#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <goro/net.hpp>

namespace goro_test {

namespace {

void check(const redisContext* db, bool ok) {
  if (db == nullptr) throw std::bad_alloc();
  if (!ok || db->err != 0) throw std::runtime_error(std::string("redis: ") + db->errstr);
}

void check(std::error_code err) {
  if (err) throw std::system_error(err);
}

redis_reply checked(redis_reply reply) {
  if (reply->type == REDIS_REPLY_ERROR) throw std::runtime_error(reply->str);
  return reply;
}

}  // namespace

blocking_redis::blocking_redis(std::uint16_t port) : db_(::redisConnect("127.0.0.1", port)) {
  check(db_.get(), true);
}

redis_reply blocking_redis::command(const char* format, ...) {
  std::va_list arguments;
  va_start(arguments, format);
  redis_reply reply(static_cast<redisReply*>(::redisvCommand(db_.get(), format, arguments)));
  va_end(arguments);
  check(db_.get(), reply != nullptr);
  return checked(std::move(reply));
}

// Whether it could connect the first command finds out.
parking_redis::parking_redis(std::uint16_t port) : db_(::redisConnectNonBlock("127.0.0.1", port)) {
  check(db_.get(), true);
  check(goro::net::wait_writable(db_->fd));
}

redis_reply parking_redis::command(const char* format, ...) {
  std::va_list arguments;
  va_start(arguments, format);
  const int status = ::redisvAppendCommand(db_.get(), format, arguments);
  va_end(arguments);
  check(db_.get(), status == REDIS_OK);
  send();
  return checked(receive());
}

void parking_redis::send() {
  redisContext* db = db_.get();
  for (int done = 0;;) {
    check(db, ::redisBufferWrite(db, &done) == REDIS_OK);
    if (done != 0) return;
    check(goro::net::wait_writable(db->fd));
  }
}

redis_reply parking_redis::receive() {
  redisContext* db = db_.get();
  for (void* reply = nullptr;;) {
    check(db, ::redisGetReplyFromReader(db, &reply) == REDIS_OK);
    if (reply != nullptr) return redis_reply(static_cast<redisReply*>(reply));
    check(goro::net::wait_readable(db->fd));
    check(db, ::redisBufferRead(db) == REDIS_OK);
  }
}

}  // namespace goro_test
