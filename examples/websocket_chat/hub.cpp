#include "hub.hpp"

#include <mutex>
#include <utility>

namespace chat {

void hub::join(const std::string& room, member& m) {
  const std::lock_guard held(guard_);
  rooms_[room].insert(&m);
}

void hub::leave(const std::string& room, member& m) {
  const std::lock_guard held(guard_);
  const auto it = rooms_.find(room);
  it->second.erase(&m);
  if (it->second.empty()) rooms_.erase(it);
}

void hub::say(const std::string& room, std::string text) {
  const auto said = std::make_shared<const std::string>(std::move(text));
  const std::lock_guard held(guard_);
  const auto it = rooms_.find(room);
  if (it == rooms_.end()) return;
  for (member* m : it->second) {
    if (!m->inbox.try_send(said)) static_cast<void>(m->conn.close());
  }
}

}  // namespace chat
