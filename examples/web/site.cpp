#include "site.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include <boost/beast/core/file_posix.hpp>

#include <goro/goro.hpp>

#include "../common/command_line.hpp"
#include "static_files.hpp"

namespace web {

namespace {

std::string stats_as_json() {
  const goro::runtime_stats s = goro::stats();
  const std::pair<const char*, std::uint64_t> k_members[] = {
      {"goroutines", goro::goroutine_count()},
      {"goroutines_started", s.goroutines_started},
      {"goroutines_finished", s.goroutines_finished},
      {"switches", s.switches},
      {"steals", s.steals},
      {"timers_fired", s.timers_fired},
      {"stacks_in_use", s.stacks_in_use},
      {"machines", s.machines},
      {"processors", s.processors},
  };
  std::string json;
  for (const auto& [name, value] : k_members) {
    json += json.empty() ? "{\"" : ",\"";
    json += name;
    json += "\":" + std::to_string(value);
  }
  return json + "}\n";
}

// Stands for any work that heeds its context.
response slow(std::string_view target, const goro::context& ctx) {
  const std::size_t at = target.find("?ms=");
  const auto ms =
      at == std::string_view::npos ? std::nullopt : example::to_number<std::uint32_t>(target.substr(at + 4));
  if (!ms) return text(http::status::bad_request, "usage: /slow?ms=NUMBER\n");
  const bool done =
      goro::select(goro::on_recv(goro::after(std::chrono::milliseconds(*ms)), [] { return true; }),
                   goro::on_recv(ctx.done(), [] { return false; }));
  if (done) return text(http::status::ok, "that took " + std::to_string(*ms) + " ms\n");
  return text(http::status::service_unavailable, "given up: " + ctx.err().message() + "\n");
}

// Without descriptors nobody knows whether there is such a file.
text_response no_file(std::error_code why) {
  if (why == std::errc::too_many_files_open || why == std::errc::too_many_files_open_in_system ||
      why == std::errc::not_enough_memory) {
    return text(http::status::service_unavailable, "the file cannot be opened now: " + why.message() + "\n");
  }
  return text(http::status::not_found, "there is no such file\n");
}

response file_of(const folder& files, std::string_view target) {
  std::string name;
  const auto fd = files.open(target, name);
  if (!fd) return no_file(fd.error());
  boost::beast::file_posix opened;
  opened.native_handle(*fd);
  file_response r(http::status::ok, 11);
  boost::system::error_code ec;
  r.body().reset(std::move(opened), ec);
  if (ec) return text(http::status::internal_server_error, "the file cannot be read\n");
  const std::string_view type = content_type(name);
  r.set(http::field::content_type, {type.data(), type.size()});
  r.prepare_payload();
  return r;
}

response answer(const folder& files, const request& r, const goro::context& ctx) {
  if (r.method() != http::verb::get && r.method() != http::verb::head) {
    auto refused = text(http::status::method_not_allowed, "only GET and HEAD\n");
    refused.set(http::field::allow, "GET, HEAD");
    return refused;
  }
  const std::string_view target = view(r.target());
  const std::string_view path = target.substr(0, target.find('?'));
  if (path == "/api/stats") return text(http::status::ok, stats_as_json(), "application/json");
  if (path == "/slow") return slow(target, ctx);
  return file_of(files, target);
}

}  // namespace

text_response text(http::status status, std::string body, std::string_view type) {
  text_response r(status, 11);
  r.set(http::field::content_type, {type.data(), type.size()});
  r.body() = std::move(body);
  r.prepare_payload();
  return r;
}

handler site(const std::string& root) {
  return [files = std::make_shared<const folder>(root)](const request& r, const goro::context& ctx) {
    return answer(*files, r, ctx);
  };
}

}  // namespace web
