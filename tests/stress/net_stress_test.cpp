// Connections, deadlines, closing, cancelling, strangers' descriptors and changes of max_procs, all at once.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <goro/goro.hpp>
#include <goro/net.hpp>

#include "support/net.hpp"

namespace {

using goro::errc;
using goro::io_result;
using goro::net::tcp_conn;
using goro_test::bytes_of;
using goro_test::pick;
using namespace std::chrono_literals;

struct NetStress : goro_test::net_stress_test {};
INSTANTIATE_TEST_SUITE_P(Procs, NetStress, goro_test::all_procs());

// How a connection may fail here.
bool is_expected(const std::error_code& err) {
  return err == errc::closed || err == errc::timed_out || err == errc::canceled ||
         err == std::errc::connection_reset || err == std::errc::broken_pipe;
}

// Sends back what it gets.
void serve(tcp_conn c) {
  std::string part(3000, '\0');
  for (;;) {
    const io_result r = c.read(bytes_of(part));
    if (r.err || r.n == 0) return;
    if (c.write(std::string_view(part).substr(0, r.n)).err) return;
  }
}

// Sends a pattern and checks what comes back, as far as it comes: what arrives is always a prefix.
void talk(tcp_conn& c, std::uint64_t seed) {
  std::mt19937_64 rng(seed);
  const std::string sent =
      goro_test::pattern(static_cast<std::size_t>(pick(rng, 1, 20'000)), static_cast<unsigned>(seed));
  goro::wait_group ended;
  ended.go([&] {
    const io_result r = c.write(sent);
    if (r.err) {
      EXPECT_TRUE(is_expected(r.err)) << r.err.message();
      static_cast<void>(c.close());  // ends the reader, who would wait for the rest
    } else {
      EXPECT_EQ(r.n, sent.size());
    }
  });
  std::string got(sent.size(), '\0');
  const io_result r = c.read_full(bytes_of(got));
  EXPECT_TRUE(std::string_view(got).substr(0, r.n) == std::string_view(sent).substr(0, r.n));
  if (r.err) {
    EXPECT_TRUE(is_expected(r.err) || r.err == errc::unexpected_eof) << r.err.message();
  }
  if (r.n != sent.size()) static_cast<void>(c.close());  // ends the writer, too
  ended.wait();
}

// What happens to a connection beside its conversation.
void disturb(tcp_conn& c, goro::cancel_func& cancel, std::uint64_t seed) {
  std::mt19937_64 rng(seed);
  for (int i = pick(rng, 0, 4); i > 0; --i) {
    switch (pick(rng, 0, 9)) {
      case 0:
        static_cast<void>(c.close());
        break;
      case 1:
        static_cast<void>(c.close_read());
        break;
      case 2:
        cancel();
        break;
      case 3:
        static_cast<void>(c.set_deadline(goro_test::in(std::chrono::microseconds(pick(rng, -10, 1000)))));
        break;
      case 4:
        static_cast<void>(c.set_read_deadline(goro_test::in(1h)));
        break;
      case 5:
        static_cast<void>(c.set_deadline({}));
        break;
      default:
        goro::sleep_for(std::chrono::microseconds(pick(rng, 0, 200)));
    }
  }
}

// Somebody else's pipe between a goroutine and a plain thread.
void use_foreign_pipe(std::uint64_t seed) {
  std::mt19937_64 rng(seed);
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
  std::jthread writer([&, n = pick(rng, 0, 100)] {
    goro_test::compute(std::chrono::microseconds(n));
    EXPECT_EQ(::write(ends[1], "x", 1), 1);
  });
  std::error_code err;
  do {
    err = goro::net::wait_readable(ends[0], goro_test::in(std::chrono::microseconds(pick(rng, 1, 500))));
  } while (err == errc::timed_out);
  EXPECT_FALSE(err);
  char c = 0;
  EXPECT_EQ(::read(ends[0], &c, 1), 1);
  goro::blocking([&] { writer.join(); });
  ::close(ends[0]);
  ::close(ends[1]);
}

void converse(const goro::net::tcp_listener& listener, std::uint64_t seed, bool disturbed) {
  auto [ctx, cancel] = goro::with_cancel(goro::background());
  auto c = goro_test::dial_to(listener);
  ASSERT_TRUE(c) << c.error().message();
  const goro::net::cancel_guard guard(ctx, *c);
  goro::wait_group ended;
  if (disturbed) ended.go([&, &cancel = cancel] { disturb(*c, cancel, seed + 1); });
  talk(*c, seed);
  ended.wait();
}

TEST_P(NetStress, everything_at_once) {
  rounds([this](std::mt19937_64& rng) {
    auto listener = goro::net::listen("127.0.0.1:0").value();
    goro::wait_group servers;
    servers.go([&] {
      while (auto c = listener.accept())
        servers.go([c = std::make_shared<tcp_conn>(std::move(*c))] { serve(std::move(*c)); });
    });
    goro::wait_group ended;
    const int n = pick(rng, 1, goro_test::k_tsan ? 15 : 60);
    for (int i = 0; i < n; ++i) {
      const std::uint64_t seed = rng();
      switch (pick(rng, 0, 5)) {
        case 0:
          ended.go([seed] { use_foreign_pipe(seed); });
          break;
        case 1:
          goro::set_max_procs(pick(rng, 1, 8));
          break;
        case 2:
          ended.go([&, seed] { converse(listener, seed, false); });
          break;
        default:
          ended.go([&, seed] { converse(listener, seed, true); });
      }
    }
    std::jthread thread([&, seed = rng()] { converse(listener, seed, true); });
    goro::set_max_procs(procs());
    thread.join();
    ended.wait();
    EXPECT_FALSE(listener.close());
    servers.wait();
  });
}

// Descriptors open and close so fast that their numbers are used again while others still wait; who gets what
// belongs to somebody else has a number that is not its own.
TEST_P(NetStress, numbers_are_used_again_while_reads_are_pending) {
  std::atomic<unsigned> tags{1};
  rounds([&tags](std::mt19937_64& rng) {
    goro::wait_group ended;
    for (int g = 0; g < 6; ++g) {
      ended.go([&tags, seed = rng()] {
        std::mt19937_64 own(seed);
        for (int i = 0; i < 50; ++i) {
          const std::string tag = std::to_string(tags++);
          auto pair = goro::net::unix_conn::pair().value();
          goro::wait_group reader;
          reader.go([&] {
            std::string text(12, '\0');
            const io_result r = pair.first.read(bytes_of(text));
            if (r.err) {
              EXPECT_EQ(r.err, errc::closed);
            } else {
              EXPECT_EQ(text.substr(0, r.n), tag);
            }
          });
          for (int k = pick(own, 0, 3); k > 0; --k) goro::this_goroutine::yield();
          const bool write_first = pick(own, 0, 1) == 0;
          if (write_first) {
            EXPECT_TRUE(pair.second.write(tag));
          }
          if (pick(own, 0, 2) != 0 || !write_first) {
            EXPECT_FALSE(pair.first.close());
          }
          reader.wait();
        }
      });
    }
    ended.wait();
  });
}

}  // namespace
