#include "store.hpp"

#include <charconv>
#include <mutex>
#include <shared_mutex>
#include <system_error>

namespace kv {

namespace {

// So many are removed under one lock: about a tenth of a millisecond.
constexpr std::size_t k_sweep_at_once = 500;

bool is_past(goro::time_point expires, goro::time_point now) { return expires <= now; }

std::optional<std::int64_t> to_integer(std::string_view text) {
  std::int64_t n = 0;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (text.empty() || error != std::errc() || at != text.data() + text.size()) return std::nullopt;
  return n;
}

}  // namespace

void store::shard::set_expiry(table::iterator at, goro::time_point when) {
  if (at->second.expires != k_never) by_time.erase({at->second.expires, &at->first});
  at->second.expires = k_never;  // holds if the next line throws
  if (when != k_never) by_time.emplace(when, &at->first);
  at->second.expires = when;
}

void store::shard::erase(table::iterator at) {
  set_expiry(at, k_never);
  entries.erase(at);
}

store::table::iterator store::shard::find_alive(std::string_view key, goro::time_point now) {
  const auto at = entries.find(key);
  if (at == entries.end() || !is_past(at->second.expires, now)) return at;
  erase(at);
  return entries.end();
}

std::size_t store::shard::sweep(std::size_t most) {
  const goro::time_point now = goro::clock::now();
  std::size_t n = 0;
  for (; n != most && !by_time.empty() && is_past(by_time.begin()->first, now); ++n) {
    erase(entries.find(*by_time.begin()->second));
  }
  return n;
}

value_ptr store::get(std::string_view key) {
  shard& s = shard_of(key);
  {
    const std::shared_lock held(s.guard);
    const auto at = s.entries.find(key);
    if (at == s.entries.end()) return nullptr;
    // Most keys have no time: the clock is asked for the others only.
    if (at->second.expires == k_never || !is_past(at->second.expires, goro::clock::now())) {
      return at->second.value;
    }
  }
  const std::lock_guard held(s.guard);
  const auto at = s.find_alive(key, goro::clock::now());  // it may have been set anew in between
  return at == s.entries.end() ? nullptr : at->second.value;
}

bool store::set(std::string_view key, std::string_view value, std::optional<goro::time_point> expires,
                condition c) {
  auto made = std::make_shared<const std::string>(value);  // before the lock, and the old one goes after it
  shard& s = shard_of(key);
  const std::lock_guard held(s.guard);
  auto at = s.find_alive(key, goro::clock::now());
  const bool exists = at != s.entries.end();
  if ((c == condition::if_absent && exists) || (c == condition::if_present && !exists)) return false;
  if (!exists) at = s.entries.emplace(std::string(key), entry()).first;
  at->second.value.swap(made);
  if (expires) s.set_expiry(at, *expires);
  return true;
}

bool store::remove(std::string_view key) {
  value_ptr dropped;  // goes after the lock
  shard& s = shard_of(key);
  const std::lock_guard held(s.guard);
  const auto at = s.find_alive(key, goro::clock::now());
  if (at == s.entries.end()) return false;
  dropped.swap(at->second.value);
  s.erase(at);
  return true;
}

store::increment_error store::increment(std::string_view key, std::int64_t by, std::int64_t& result) {
  shard& s = shard_of(key);
  const std::lock_guard held(s.guard);
  auto at = s.find_alive(key, goro::clock::now());
  const bool exists = at != s.entries.end();
  const auto before = exists ? to_integer(*at->second.value) : std::optional<std::int64_t>(0);
  if (!before) return increment_error::no_number;
  if (__builtin_add_overflow(*before, by, &result)) return increment_error::overflow;
  auto made = std::make_shared<const std::string>(std::to_string(result));
  if (!exists) at = s.entries.emplace(std::string(key), entry()).first;
  at->second.value = std::move(made);
  return increment_error::none;
}

std::optional<goro::time_point> store::expiry(std::string_view key) {
  shard& s = shard_of(key);
  const std::lock_guard held(s.guard);
  const auto at = s.find_alive(key, goro::clock::now());
  if (at == s.entries.end()) return std::nullopt;
  return at->second.expires;
}

std::size_t store::size() {
  std::size_t n = 0;
  for (shard& s : shards_) {
    const std::shared_lock held(s.guard);
    n += s.entries.size();
  }
  return n;
}

void store::clear() {
  for (shard& s : shards_) {
    table dropped;
    const std::lock_guard held(s.guard);
    s.by_time.clear();
    s.entries.swap(dropped);
  }
}

std::size_t store::sweep() {
  std::size_t all = 0;
  for (shard& s : shards_) {
    for (std::size_t n = k_sweep_at_once; n == k_sweep_at_once;) {
      const std::lock_guard held(s.guard);
      n = s.sweep(k_sweep_at_once);
      all += n;
    }
  }
  return all;
}

}  // namespace kv
