// Keys and values of a process, in shards with a lock each.
//
// A value is immutable and counted: who reads it keeps it, whatever is stored meanwhile, and no lock is held
// while it is sent. What has expired is not there any more for anybody, at once; its memory is given back by
// whoever comes across it, or by sweep(). For that each shard has its keys with a time in the order of their
// times; such an entry lives exactly as long as that time of that key, so the two cannot grow apart.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <goro/clock.hpp>
#include <goro/shared_mutex.hpp>

namespace kv {

using value_ptr = std::shared_ptr<const std::string>;

constexpr goro::time_point k_never = goro::time_point::max();

class store {
 public:
  enum class condition : std::uint8_t { always, if_absent, if_present };
  enum class increment_error : std::uint8_t { none, no_number, overflow };

  value_ptr get(std::string_view key);
  // False if the condition does not hold. Without `expires` it keeps the time that it has.
  bool set(std::string_view key, std::string_view value, std::optional<goro::time_point> expires,
           condition c);
  bool remove(std::string_view key);
  increment_error increment(std::string_view key, std::int64_t by, std::int64_t& result);
  // Empty if there is no such key; k_never if it has no time.
  std::optional<goro::time_point> expiry(std::string_view key);

  std::size_t size();
  void clear();
  // Removes what has expired; returns how many. Holds a lock for a short time only.
  std::size_t sweep();

 private:
  struct entry {
    value_ptr value;
    goro::time_point expires = k_never;
  };
  struct hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>()(s); }
  };
  using table = std::unordered_map<std::string, entry, hash, std::equal_to<>>;

  // A line of the cache each, or two neighbours would slow each other down.
  struct alignas(64) shard {
    goro::shared_mutex guard;
    // The rest is guarded by it. A key stays where it is as long as it is in the table.
    table entries;
    std::set<std::pair<goro::time_point, const std::string*>> by_time;

    table::iterator find_alive(std::string_view key, goro::time_point now);
    void set_expiry(table::iterator at, goro::time_point when);
    void erase(table::iterator at);
    std::size_t sweep(std::size_t most);
  };

  static constexpr std::size_t k_shards = 64;

  shard& shard_of(std::string_view key) noexcept {
    // Other bits than those by which the table chooses its bucket.
    return shards_[(hash()(key) >> 48) % k_shards];
  }

  std::array<shard, k_shards> shards_;
};

}  // namespace kv
