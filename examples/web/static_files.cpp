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
  return fd >= 0 && ::fstat(fd, &info) == 0 && (info.st_mode & S_IFMT) == kind;
}

// O_NONBLOCK: to open a pipe must not wait for its writer.
int step(int from, const std::string& name) {
  return ::openat(from, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

}  // namespace

folder::folder(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (fd_ < 0) throw std::system_error(errno, std::system_category(), path);
}

folder::~folder() { ::close(fd_); }

int folder::open(std::string_view url_path, std::string& name) const {
  const auto path = percent_decoded(url_path.substr(0, url_path.find('?')));
  if (!path || !path->starts_with('/')) return -1;
  held_fd at(::fcntl(fd_, F_DUPFD_CLOEXEC, 0));
  std::string_view rest = *path;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    name = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (name.empty() || name == ".") continue;
    if (name == ".." || !is(at.get(), S_IFDIR)) return -1;
    at.reset(step(at.get(), name));
  }
  if (path->ends_with('/')) {
    if (!is(at.get(), S_IFDIR)) return -1;
    name = "index.html";
    at.reset(step(at.get(), name));
  }
  return is(at.get(), S_IFREG) ? at.release() : -1;
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
