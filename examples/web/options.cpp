#include "options.hpp"

#include <array>
#include <cstdio>

#include "../common/command_line.hpp"

namespace web {

namespace {

constexpr const char* k_usage =
    "usage: http_server, https_server or websocket_chat, with any of\n"
    "  --address HOST:PORT     where to listen (127.0.0.1:8080); port 0 is chosen by the kernel\n"
    "  --root FOLDER           whose files are served (.)\n"
    "  --cert FILE --key FILE, --write-cert FILE\n"
    "                          HTTPS: PEM files, or where to put the certificate that is made without them\n"
    "  --request-timeout TIME  how long a request may be worked on (2s)\n"
    "  --header-timeout TIME   how long its arrival may take (10s)\n"
    "  --idle-timeout TIME     how long a connection may be silent between requests (60s)\n"
    "  --grace TIME            how long requests may take to end after SIGTERM or SIGINT (10s)\n"
    "  --connections N         at once; more of them wait (1000)\n";

}  // namespace

std::optional<options> parse(int argc, char** argv, int& code) {
  constexpr std::size_t k_most_connections = 1'000'000'000;
  options o;
  const std::array known{
      example::option{"--address", example::host_port(o.address)},
      example::option{"--root", example::text(o.root)},
      example::option{"--cert", example::text(o.cert)},
      example::option{"--key", example::text(o.key)},
      example::option{"--write-cert", example::text(o.write_cert)},
      example::option{"--request-timeout", example::duration(o.request_timeout)},
      example::option{"--header-timeout", example::duration(o.header_timeout)},
      example::option{"--idle-timeout", example::duration(o.idle_timeout)},
      example::option{"--grace", example::duration(o.grace)},
      example::option{"--connections", example::number<std::size_t>(o.connections, 1, k_most_connections)}};
  const auto ends = example::read_arguments(argc, argv, k_usage, known);
  code = ends.value_or(0);
  if (!ends && o.cert.empty() != o.key.empty()) {
    std::fprintf(stderr, "--cert and --key belong together\n%s", k_usage);
    code = 2;
    return std::nullopt;
  }
  return ends ? std::nullopt : std::optional(o);
}

}  // namespace web
