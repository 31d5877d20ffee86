// What somebody looks for among goroutines: a piece of text, whatever the case of its letters, or "#17".
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "sched/goroutine.hpp"

namespace goro::detail {

class text_filter {
 public:
  explicit text_filter(std::string_view text) : text_(text) {
    std::transform(text_.begin(), text_.end(), text_.begin(), lower);
  }

  bool lets_all_through() const noexcept { return text_.empty(); }

  bool found_in(std::string_view text) const {
    return text_.empty() || std::search(text.begin(), text.end(), text_.begin(), text_.end(),
                                        [](char a, char b) { return lower(a) == b; }) != text.end();
  }

  bool means(goroutine_id id, std::string_view name) const {
    return found_in(name) || text_ == "#" + std::to_string(id);
  }

 private:
  static char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

  std::string text_;
};

}  // namespace goro::detail
