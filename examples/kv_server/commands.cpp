#include "commands.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <system_error>

#include <unistd.h>

namespace kv {

namespace {

using namespace std::chrono_literals;
using words = std::span<const std::string_view>;

constexpr std::string_view k_syntax_error = "ERR syntax error";
constexpr std::string_view k_no_integer = "ERR value is not an integer or out of range";

constexpr char upper(char c) noexcept { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

// `name` is in capitals.
bool is(std::string_view text, std::string_view name) {
  return std::equal(text.begin(), text.end(), name.begin(), name.end(),
                    [](char a, char b) { return upper(a) == b; });
}

std::optional<std::int64_t> to_integer(std::string_view text) {
  std::int64_t n = 0;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (text.empty() || error != std::errc() || at != text.data() + text.size()) return std::nullopt;
  return n;
}

then ping(store&, words w, replies& out) {
  if (w.size() == 2) {
    out.bulk(w[1]);
  } else {
    out.simple("PONG");
  }
  return then::go_on;
}

then echo(store&, words w, replies& out) {
  out.bulk(w[1]);
  return then::go_on;
}

then get(store& s, words w, replies& out) {
  out.value(s.get(w[1]));
  return then::go_on;
}

struct set_options {
  std::optional<goro::time_point> expires = k_never;
  store::condition condition = store::condition::always;
  std::string_view error;
};

// The moment after n units of so many milliseconds; nothing if the clock cannot count that far.
std::optional<goro::time_point> after(std::int64_t n, std::int64_t unit_in_ms) {
  std::int64_t ms = 0;
  if (n <= 0 || __builtin_mul_overflow(n, unit_in_ms, &ms)) return std::nullopt;
  const goro::time_point now = goro::clock::now();
  if (ms >= std::chrono::floor<std::chrono::milliseconds>(k_never - now).count()) return std::nullopt;
  return now + std::chrono::milliseconds(ms);
}

set_options parse_set_options(words w) {
  set_options o;
  bool timed = false;
  const auto wrong = [&o](std::string_view what) {
    o.error = what;
    return o;
  };
  for (std::size_t i = 0; i != w.size(); ++i) {
    const bool seconds = is(w[i], "EX");
    if (seconds || is(w[i], "PX")) {
      if (timed || i + 1 == w.size()) return wrong(k_syntax_error);
      const auto n = to_integer(w[++i]);
      if (!n) return wrong(k_no_integer);
      o.expires = after(*n, seconds ? 1000 : 1);
      if (!o.expires) return wrong("ERR invalid expire time in 'set' command");
      timed = true;
    } else if (is(w[i], "KEEPTTL") && !timed) {
      o.expires.reset();
      timed = true;
    } else if ((is(w[i], "NX") || is(w[i], "XX")) && o.condition == store::condition::always) {
      o.condition = is(w[i], "NX") ? store::condition::if_absent : store::condition::if_present;
    } else {
      return wrong(k_syntax_error);
    }
  }
  return o;
}

then set(store& s, words w, replies& out) {
  const set_options o = parse_set_options(w.subspan(3));
  if (!o.error.empty()) {
    out.error(o.error);
  } else if (s.set(w[1], w[2], o.expires, o.condition)) {
    out.simple("OK");
  } else {
    out.nil();
  }
  return then::go_on;
}

then del(store& s, words w, replies& out) {
  out.integer(std::count_if(w.begin() + 1, w.end(), [&s](std::string_view key) { return s.remove(key); }));
  return then::go_on;
}

then exists(store& s, words w, replies& out) {
  out.integer(
      std::count_if(w.begin() + 1, w.end(), [&s](std::string_view key) { return s.get(key) != nullptr; }));
  return then::go_on;
}

then incr(store& s, words w, replies& out) {
  std::int64_t n = 0;
  switch (s.increment(w[1], 1, n)) {
    case store::increment_error::none:
      out.integer(n);
      break;
    case store::increment_error::no_number:
      out.error(k_no_integer);
      break;
    case store::increment_error::overflow:
      out.error("ERR increment or decrement would overflow");
      break;
  }
  return then::go_on;
}

// What is left of its time, in that unit; -1: it has none; -2: there is no such key.
template <class Unit>
then time_left(store& s, words w, replies& out) {
  const auto expires = s.expiry(w[1]);
  if (!expires) {
    out.integer(-2);
  } else if (*expires == k_never) {
    out.integer(-1);
  } else {
    out.integer(std::max<std::int64_t>(0, std::chrono::round<Unit>(*expires - goro::clock::now()).count()));
  }
  return then::go_on;
}

then dbsize(store& s, words, replies& out) {
  out.integer(static_cast<std::int64_t>(s.size()));
  return then::go_on;
}

then flushall(store& s, words, replies& out) {
  s.clear();
  out.simple("OK");
  return then::go_on;
}

// ---- what clients ask before they begin -----------------------------------------------------------

then config(store&, words w, replies& out) {
  if (!is(w[1], "GET") || w.size() != 3) {
    out.error("ERR only CONFIG GET is supported, with one name");
  } else if (is(w[2], "SAVE") || is(w[2], "APPENDONLY")) {  // redis-benchmark prints these two
    out.array(2);
    out.bulk(w[2]);
    out.bulk(is(w[2], "SAVE") ? "" : "no");
  } else {
    out.array(0);
  }
  return then::go_on;
}

then command(store&, words, replies& out) {
  out.array(0);  // redis-cli completes names and shows hints with it, if there are any
  return then::go_on;
}

then info(store& s, words, replies& out) {
  out.bulk("# Server\r\nserver_name:goro kv_server\r\nprocess_id:" + std::to_string(::getpid()) +
           "\r\n\r\n# Keyspace\r\ndb0:keys=" + std::to_string(s.size()) + "\r\n");
  return then::go_on;
}

then client(store&, words w, replies& out) {
  if (is(w[1], "SETNAME") || is(w[1], "SETINFO")) {
    out.simple("OK");
  } else {
    out.error("ERR only CLIENT SETNAME and SETINFO are supported");
  }
  return then::go_on;
}

then hello(store&, words w, replies& out) {
  if (w.size() > 1 && w[1] != "2") {
    out.error("NOPROTO unsupported protocol version");
    return then::go_on;
  }
  out.array(6);
  for (const std::string_view text : {"server", "goro kv_server", "version", "1"}) out.bulk(text);
  out.bulk("proto");
  out.integer(2);
  return then::go_on;
}

then select(store&, words w, replies& out) {
  if (w[1] == "0") {
    out.simple("OK");
  } else {
    out.error("ERR DB index is out of range");
  }
  return then::go_on;
}

then quit(store&, words, replies& out) {
  out.simple("OK");
  return then::close;
}

// ---- which is which -------------------------------------------------------------------------------

struct entry {
  std::string_view name;
  std::size_t least;  // words, with the name
  std::size_t most;
  then (*run)(store&, words, replies&);
};

constexpr std::size_t k_any = std::size_t{1} << 20;

// Those that are asked for most are found first.
constexpr std::array k_commands{
    entry{"GET", 2, 2, get},
    entry{"SET", 3, k_any, set},
    entry{"INCR", 2, 2, incr},
    entry{"DEL", 2, k_any, del},
    entry{"EXISTS", 2, k_any, exists},
    entry{"PING", 1, 2, ping},
    entry{"TTL", 2, 2, time_left<std::chrono::seconds>},
    entry{"PTTL", 2, 2, time_left<std::chrono::milliseconds>},
    entry{"ECHO", 2, 2, echo},
    entry{"DBSIZE", 1, 1, dbsize},
    entry{"FLUSHALL", 1, 2, flushall},
    entry{"CONFIG", 2, k_any, config},
    entry{"COMMAND", 1, k_any, command},
    entry{"INFO", 1, k_any, info},
    entry{"CLIENT", 2, k_any, client},
    entry{"HELLO", 1, k_any, hello},
    entry{"SELECT", 2, 2, select},
    entry{"QUIT", 1, k_any, quit},
};

// Of a name that somebody sent: it may be as long as a value.
std::string quoted(std::string_view name) { return "'" + std::string(name.substr(0, 64)) + "'"; }

}  // namespace

then execute(store& s, words w, replies& out) {
  for (const entry& e : k_commands) {
    if (!is(w[0], e.name)) continue;
    if (w.size() >= e.least && w.size() <= e.most) return e.run(s, w, out);
    out.error("ERR wrong number of arguments for " + quoted(w[0]) + " command");
    return then::go_on;
  }
  out.error("ERR unknown command " + quoted(w[0]));
  return then::go_on;
}

}  // namespace kv
