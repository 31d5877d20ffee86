// Files below a folder, and nothing else.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <goro/error.hpp>

namespace web {

class folder {
 public:
  // Throws std::system_error if there is no such folder.
  explicit folder(const std::string& path);
  ~folder();
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;

  // Opens a regular file by the path of a URL ("/a/b%20c.html?x", "/a/" is "/a/index.html"). An error if
  // there is none, or if the path could lead out: each step is opened by itself, ".." and symbolic links are
  // no steps; or if the process or the machine has no more descriptors.
  goro::result<int> open(std::string_view url_path, std::string& name) const;

 private:
  int fd_;
};

// "%41" becomes "A"; nothing if it is malformed or hides a zero byte.
std::optional<std::string> percent_decoded(std::string_view text);

// By the end of the name.
std::string_view content_type(std::string_view name);

}  // namespace web
