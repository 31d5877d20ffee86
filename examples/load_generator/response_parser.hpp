// The answers of an HTTP/1.1 server, as they come: where does one end, and what was its status? Bodies are
// counted and thrown away.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace load {

class response_parser {
 public:
  // Takes what belongs to the response, and returns how many bytes that was: less than all if it is done, or
  // broken.
  std::size_t feed(std::string_view bytes);
  // The connection has ended. Some responses end in no other way.
  void feed_end();
  // For the next response.
  void reset() { *this = response_parser(); }

  bool done() const noexcept { return stage_ == stage::done; }
  const char* error() const noexcept { return error_; }  // null: none
  bool begun() const noexcept { return begun_; }
  int status() const noexcept { return status_; }
  std::uint64_t body_size() const noexcept { return body_size_; }
  // The connection can be used again.
  bool keep_alive() const noexcept { return keep_alive_; }

 private:
  enum class stage : std::uint8_t {
    status_line,
    headers,
    body,         // of which left_ bytes are to come
    body_to_end,  // of the connection
    chunk_size,
    chunk,  // of which left_ bytes are to come
    chunk_end,
    trailers,
    done,
    broken,
  };

  bool is_line() const noexcept {
    return stage_ != stage::body && stage_ != stage::body_to_end && stage_ != stage::chunk;
  }
  std::size_t take_line(std::string_view bytes);
  std::size_t take_body(std::string_view bytes);
  void line_read(std::string_view line);
  void read_status(std::string_view line);
  void read_header(std::string_view line);
  void read_content_length(std::string_view value);
  void read_chunk_size(std::string_view line);
  void headers_end();
  void fail(const char* what);

  stage stage_ = stage::status_line;
  bool begun_ = false;
  bool keep_alive_ = true;
  bool chunked_ = false;
  bool has_length_ = false;
  int status_ = 0;
  std::uint64_t left_ = 0;
  std::uint64_t body_size_ = 0;
  std::size_t head_size_ = 0;
  std::string line_;  // the beginning of one, if its end was not there
  const char* error_ = nullptr;
};

}  // namespace load
