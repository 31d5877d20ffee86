// What the server does when it is asked to.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "resp.hpp"
#include "store.hpp"

namespace kv {

enum class then : std::uint8_t { go_on, close };

// Carries one request out, and adds exactly one answer, whatever it is. `words` is not empty.
then execute(store& s, std::span<const std::string_view> words, replies& out);

}  // namespace kv
