// A session has one buffer. It reads what is there, carries out every whole request of it, and answers them
// all with one write; the beginning of the next request stays, and is moved to the front. The buffer grows
// only as bytes come, never because a length was announced, and shrinks again: a client takes at most the
// limit of one request, twice that while it grows, and the answers of one batch.

#include "session.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "../common/send_queue.hpp"
#include "commands.hpp"
#include "resp.hpp"

namespace kv {

namespace {

using namespace std::chrono_literals;

// Who says nothing for so long after the end of the answers says nothing more.
constexpr std::chrono::seconds k_silence{1};

constexpr std::size_t k_buffer = std::size_t{16} << 10;

// Answers beyond that are sent before the batch is at its end: who asks a thousand times for a large value
// must not have a thousand of them queued.
constexpr std::size_t k_most_answers = std::size_t{1} << 20;

class input_buffer {
 public:
  std::string_view text() const noexcept { return {bytes_.get() + from_, to_ - from_}; }
  void drop(std::size_t n) noexcept { from_ += n; }

  // Room for more, at least a quarter of the whole.
  std::span<std::byte> room() {
    if (from_ == to_) clear();
    if (capacity_ - to_ < capacity_ / 4 || !bytes_) make_room();
    return std::as_writable_bytes(std::span(bytes_.get() + to_, capacity_ - to_));
  }
  void filled(std::size_t n) noexcept { to_ += n; }

 private:
  void clear() {
    from_ = to_ = 0;
    if (capacity_ <= 4 * k_buffer) return;
    bytes_.reset();
    capacity_ = k_buffer;
  }

  void make_room() {
    const std::size_t used = to_ - from_;
    const std::size_t wanted = used > capacity_ / 2 ? 2 * capacity_ : capacity_;
    if (bytes_ && wanted == capacity_) {
      std::memmove(bytes_.get(), bytes_.get() + from_, used);
    } else {
      auto larger = std::make_unique_for_overwrite<char[]>(wanted);
      if (used != 0) std::memcpy(larger.get(), bytes_.get() + from_, used);
      bytes_ = std::move(larger);
      capacity_ = wanted;
    }
    from_ = 0;
    to_ = used;
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_ = k_buffer;
  std::size_t from_ = 0;
  std::size_t to_ = 0;
};

// Leaves out the first n bytes.
void drop(std::vector<std::span<const std::byte>>& pieces, std::size_t n) {
  for (auto& piece : pieces) {
    const std::size_t of_this = std::min(n, piece.size());
    piece = piece.subspan(of_this);
    n -= of_this;
  }
}

class session {
 public:
  session(goro::net::tcp_conn& conn, store& s, const session_settings& settings)
      : conn_(conn), store_(s), settings_(settings) {}

  void run(const goro::context& stopping) {
    while (!stopping.err()) {
      const auto [n, err] = conn_.read(buffer_.room());
      buffer_.filled(n);
      if (n == 0 || err || answer_batch() == then::close) break;
    }
    leave(stopping);
  }

 private:
  then answer_batch() {
    using outcome = request_parser::outcome;
    then next = then::go_on;
    while (next == then::go_on) {
      const outcome o = parser_.next(buffer_.text());
      if (o == outcome::incomplete) break;
      if (o == outcome::broken) {
        out_.error("ERR " + parser_.error());
        next = then::close;
        break;
      }
      if (!parser_.words().empty()) next = execute(store_, parser_.words(), out_);
      buffer_.drop(parser_.size());
      if (out_.size() > k_most_answers && !send()) return then::close;
    }
    return send() ? next : then::close;
  }

  bool send() {
    if (out_.size() == 0) return true;
    // A deadline is moved now and then only: it rings after a quarter of the time, or half of it.
    const goro::time_point now = goro::clock::now();
    if (deadline_ < now + settings_.write_timeout / 4) {
      deadline_ = now + settings_.write_timeout / 2;
      static_cast<void>(conn_.set_write_deadline(deadline_));
    }
    auto pieces = out_.pieces();
    const auto [n, err] = conn_.write(pieces);
    const bool sent = !err || (err == goro::errc::timed_out && send_slowly(pieces, n));
    out_.clear();
    if (!sent) static_cast<void>(conn_.close());  // who takes no answers has had its time
    return sent;
  }

  // The rest, to a client that takes some of it in half of the time.
  bool send_slowly(std::vector<std::span<const std::byte>>& pieces, std::size_t sent) {
    for (;;) {
      drop(pieces, sent);
      const std::size_t before = example::unacknowledged(conn_);
      deadline_ = goro::clock::now() + settings_.write_timeout / 2;
      static_cast<void>(conn_.set_write_deadline(deadline_));
      const auto [n, err] = conn_.write(pieces);
      if (!err) return true;
      const bool takes = example::unacknowledged(conn_) < before + n;
      if (err != goro::errc::timed_out || !takes) return false;
      sent = n;
    }
  }

  // To close a connection of which something is unread makes the kernel throw away what is on its way to the
  // client, such as the reason why it is closed, or answers that it reads slowly. So reads what still comes,
  // until the client closes too, or is silent and has all: if the server stops, for as long as that lets it.
  void leave(const goro::context& stopping) {
    if (conn_.close_write()) return;
    const goro::time_point end = goro::clock::now() + settings_.write_timeout;
    for (;;) {
      const goro::time_point silent = goro::clock::now() + k_silence;
      static_cast<void>(conn_.set_read_deadline(silent));
      const auto [n, err] = conn_.read(buffer_for_the_rest());
      const goro::time_point now = goro::clock::now();
      if (err != goro::errc::timed_out && (n == 0 || err)) return;
      // The end of the server moves the deadline, too, maybe only now.
      if (err && now >= silent && example::unacknowledged(conn_) == 0) return;
      if (now >= end && !stopping.err()) return;
    }
  }

  std::span<std::byte> buffer_for_the_rest() {
    buffer_.drop(buffer_.text().size());
    return buffer_.room();
  }

  goro::net::tcp_conn& conn_;
  store& store_;
  const session_settings& settings_;
  input_buffer buffer_;
  request_parser parser_;
  replies out_;
  goro::time_point deadline_{};
};

}  // namespace

void serve(goro::net::tcp_conn conn, store& s, const session_settings& settings,
           const goro::context& stopping, const goro::context& ended) {
  // The function below may still be at it when the session is over.
  const auto shared = std::make_shared<goro::net::tcp_conn>(std::move(conn));
  const goro::net::cancel_guard end(ended, *shared);
  // Only reading ends when the server stops: the answers still go out. (The clock's zero is the past.)
  const auto stop = goro::after_func(
      stopping, [shared] { static_cast<void>(shared->set_read_deadline(goro::time_point{} + 1ns)); });
  session(*shared, s, settings).run(stopping);
  stop();
}

}  // namespace kv
