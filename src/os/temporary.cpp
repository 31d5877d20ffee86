#include "os/temporary.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace goro::detail {

temporary_folder::temporary_folder()
    : path_((std::filesystem::temp_directory_path() / "goro-XXXXXX").string()) {
  if (::mkdtemp(path_.data()) == nullptr) throw std::system_error(errno, std::system_category(), path_);
}

temporary_folder::~temporary_folder() {
  std::error_code gone_already;
  std::filesystem::remove_all(path_, gone_already);
}

}  // namespace goro::detail
