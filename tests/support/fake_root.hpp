// A folder that stands for "/", gone at the end.
#pragma once

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace goro_test {

class fake_root {
 public:
  fake_root() : path_(testing::TempDir() + "/goro_root_XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) throw std::system_error(errno, std::generic_category(), "mkdtemp");
  }
  fake_root(const fake_root&) = delete;
  fake_root& operator=(const fake_root&) = delete;
  ~fake_root() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }

  void append(const std::string& file, const std::string& line) {
    const std::filesystem::path whole = path_ + file;
    std::filesystem::create_directories(whole.parent_path());
    EXPECT_TRUE(std::ofstream(whole, std::ios::app) << line << '\n') << whole;
  }

 private:
  std::string path_;
};

}  // namespace goro_test
