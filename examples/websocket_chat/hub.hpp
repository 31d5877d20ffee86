// Who is in which room.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <string>

#include <goro/chan.hpp>
#include <goro/mutex.hpp>
#include <goro/net.hpp>

namespace chat {

using line = std::shared_ptr<const std::string>;

// What others hold of a client: a place for lines that it has not taken yet, and the means to get rid of it.
struct member {
  explicit member(goro::net::stream_conn& c) : conn(c) {}

  static constexpr std::size_t k_backlog = 64;
  goro::chan<line> inbox{k_backlog};
  goro::net::stream_conn& conn;
};

// Nobody waits for a client here: one whose inbox is full is too slow, and its connection is closed.
class hub {
 public:
  void join(const std::string& room, member& m);
  void leave(const std::string& room, member& m);  // nobody touches it afterwards
  void say(const std::string& room, std::string text);

 private:
  goro::mutex guard_;
  std::map<std::string, std::set<member*>> rooms_;
};

}  // namespace chat
