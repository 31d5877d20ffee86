// Files that the runtime writes.
#pragma once

#include <string>

namespace goro::detail {

// Makes the file, or makes it empty, and opens it for writing. On failure fd is -1.
struct opened_file {
  int fd = -1;
  int error = 0;
};
opened_file create_file(const std::string& path) noexcept;

// 0 or the error.
int close_file(int fd) noexcept;

}  // namespace goro::detail
