#include "static_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <system_error>
#include <utility>

namespace web {

namespace {

// A descriptor in a scope.
class held_fd {
 public:
  explicit held_fd(int fd) : fd_(fd) {}
  ~held_fd() { reset(-1); }
  held_fd(const held_fd&) = delete;
  held_fd& operator=(const held_fd&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_;
};

bool is(int fd, mode_t kind) {
  struct stat info{};
  return ::fstat(fd, &info) == 0 && (info.st_mode & S_IFMT) == kind;
}

std::error_code last_error() { return {errno, std::system_category()}; }
const std::error_code k_none = std::make_error_code(std::errc::no_such_file_or_directory);

// Goes from a folder to what is in it. O_NONBLOCK: to open a pipe must not wait for its writer.
std::error_code step(held_fd& at, const std::string& name) {
  if (name == ".." || !is(at.get(), S_IFDIR)) return k_none;
  const int next = ::openat(at.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (next < 0) return last_error();
  at.reset(next);
  return {};
}

}  // namespace

folder::folder(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (fd_ < 0) throw std::system_error(errno, std::system_category(), path);
}

folder::~folder() { ::close(fd_); }

goro::result<int> folder::open(std::string_view url_path, std::string& name) const {
  const auto path = percent_decoded(url_path.substr(0, url_path.find('?')));
  if (!path || !path->starts_with('/')) return goro::fail(k_none);
  held_fd at(::fcntl(fd_, F_DUPFD_CLOEXEC, 0));
  if (at.get() < 0) return goro::fail(last_error());
  std::string_view rest = *path;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    name = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (name.empty() || name == ".") continue;
    if (const auto err = step(at, name)) return goro::fail(err);
  }
  if (path->ends_with('/')) {
    name = "index.html";
    if (const auto err = step(at, name)) return goro::fail(err);
  }
  if (!is(at.get(), S_IFREG)) return goro::fail(k_none);
  return at.release();
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned char c = static_cast<unsigned char>(text[i]);
    if (c == '%') {
      if (text.size() - i < 3) return std::nullopt;
      const char* digits = text.data() + i + 1;
      if (std::from_chars(digits, digits + 2, c, 16).ptr != digits + 2) return std::nullopt;
      i += 2;
    }
    if (c == 0) return std::nullopt;
    out += static_cast<char>(c);
  }
  return out;
}

std::string_view content_type(std::string_view name) {
  using namespace std::string_view_literals;
  static constexpr std::array k_types{
      std::pair{".html"sv, "text/html; charset=utf-8"sv},
      std::pair{".css"sv, "text/css; charset=utf-8"sv},
      std::pair{".js"sv, "text/javascript; charset=utf-8"sv},
      std::pair{".json"sv, "application/json"sv},
      std::pair{".txt"sv, "text/plain; charset=utf-8"sv},
      std::pair{".md"sv, "text/markdown; charset=utf-8"sv},
      std::pair{".svg"sv, "image/svg+xml"sv},
      std::pair{".png"sv, "image/png"sv},
      std::pair{".jpg"sv, "image/jpeg"sv},
      std::pair{".pdf"sv, "application/pdf"sv},
      std::pair{".wasm"sv, "application/wasm"sv},
  };
  for (const auto& [ending, type] : k_types) {
    if (name.ends_with(ending)) return type;
  }
  return "application/octet-stream";
}

}  // namespace web
