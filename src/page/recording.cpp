#include "page/recording.hpp"

#include <fstream>
#include <sstream>
#include <utility>

#include <goro/diag.hpp>
#include <goro/go.hpp>
#include <goro/select.hpp>
#include <goro/time.hpp>

#include "os/temporary.hpp"

namespace goro::detail {

namespace {

constexpr std::uint64_t k_most_bytes = std::uint64_t{32} << 20;

// The program may have stopped the recording meanwhile: then the file is complete already.
std::error_code stop() {
  try {
    return diag::stop_trace();
  } catch (const panic&) {
    return {};
  }
}

std::string read_file(const std::string& path) {
  return blocking([&path] {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return std::move(text).str();
  });
}

}  // namespace

recording record_trace(const context& until, std::chrono::seconds d) {
  const temporary_folder folder;
  const std::string path = folder.path() + "/trace.json";
  if (const auto err = diag::start_trace(path, {.file_bytes = k_most_bytes})) return {.json = {}, .err = err};
  const bool whole =
      select(on_recv(after(d), [] { return true; }), on_recv(until.done(), [] { return false; }));
  if (const auto err = stop()) return {.json = {}, .err = err};
  if (!whole) return {.json = {}, .err = until.err()};
  return {.json = read_file(path), .err = {}};
}

}  // namespace goro::detail
