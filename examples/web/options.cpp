#include "options.hpp"

#include <charconv>
#include <cstdio>
#include <string_view>
#include <system_error>

namespace web {

namespace {

constexpr const char* k_usage =
    "  --address HOST:PORT   where to listen (127.0.0.1:8080); port 0 is chosen by the kernel\n"
    "  --root FOLDER         whose files are served (.)\n"
    "  --cert FILE --key FILE, --write-cert FILE\n"
    "                        HTTPS: PEM files, or where to put the certificate that is made without them\n"
    "  --request-timeout MS  how long a request may be worked on (2000)\n"
    "  --header-timeout MS   how long its arrival may take (10000)\n"
    "  --idle-timeout MS     how long a connection may be silent between requests (60000)\n"
    "  --grace MS            how long requests may take to end after SIGTERM or SIGINT (10000)\n"
    "  --connections N       at once; more of them wait (1000)\n";

bool number(std::string_view text, std::size_t& to) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to);
  return error == std::errc() && end == text.data() + text.size() && to > 0 && to <= 1'000'000'000;
}

bool set(options& o, std::string_view name, std::string_view value) {
  const auto text = [&](std::string& to) { return to = value, !value.empty(); };
  const auto time = [&](std::chrono::milliseconds& to) {
    std::size_t n = 0;
    if (!number(value, n)) return false;
    to = std::chrono::milliseconds(n);
    return true;
  };
  if (name == "--address") return text(o.address);
  if (name == "--root") return text(o.root);
  if (name == "--cert") return text(o.cert);
  if (name == "--key") return text(o.key);
  if (name == "--write-cert") return text(o.write_cert);
  if (name == "--request-timeout") return time(o.request_timeout);
  if (name == "--header-timeout") return time(o.header_timeout);
  if (name == "--idle-timeout") return time(o.idle_timeout);
  if (name == "--grace") return time(o.grace);
  if (name == "--connections") return number(value, o.connections);
  return false;
}

}  // namespace

std::optional<options> parse(int argc, char** argv, int& code) {
  options o;
  code = 0;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    const bool help = name == "--help" || name == "-h";
    if (!help && i + 1 < argc && set(o, name, argv[i + 1])) continue;
    code = help ? 0 : 2;
    std::fprintf(help ? stdout : stderr, "usage: %s [OPTION VALUE]...\n%s", argv[0], k_usage);
    return std::nullopt;
  }
  return o;
}

}  // namespace web
