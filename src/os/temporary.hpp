// Files that only this process is to find.
#pragma once

#include <string>

namespace goro::detail {

// A folder of its own where temporary files belong (TMPDIR), open to nobody else; removed with all that is in
// it.
class temporary_folder {
 public:
  temporary_folder();  // throws std::system_error, std::filesystem::filesystem_error
  ~temporary_folder();
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;

  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

}  // namespace goro::detail
