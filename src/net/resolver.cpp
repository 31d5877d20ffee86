// Names. The system's resolver (getaddrinfo) knows everything that the machine is configured for, and blocks
// its thread for seconds: it runs in a goroutine without a P, and whoever waits for it may leave before it
// ends.
#include <goro/net.hpp>

#include <netdb.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include <goro/chan.hpp>
#include <goro/go.hpp>
#include <goro/select.hpp>
#include <goro/semaphore.hpp>

#include "net/address.hpp"
#include "net/fd.hpp"

namespace goro::net {

namespace {

using addresses = result<std::vector<endpoint>>;

// So many threads at most wait for the resolver.
constexpr std::int64_t k_most_lookups = 64;

// Never destroyed: lookups may still be under way when the process ends.
semaphore& lookups() {
  static auto& s = *new semaphore(k_most_lookups);
  return s;
}

std::error_code error_of(int code, int system_error) {
  switch (code) {
    case EAI_NONAME:
    case EAI_NODATA:
      // The C library says the same of a name that it could not look up for want of a descriptor.
      if (system_error == EMFILE || system_error == ENFILE) return detail::os_error(system_error);
      return errc::no_such_host;
    case EAI_AGAIN:
      return std::make_error_code(std::errc::resource_unavailable_try_again);
    case EAI_MEMORY:
      return std::make_error_code(std::errc::not_enough_memory);
    case EAI_SYSTEM:
      return detail::os_error(system_error);
    default:
      return std::make_error_code(std::errc::io_error);
  }
}

addresses look_up(const std::string& host) {
  addrinfo wish{};
  wish.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  errno = 0;
  const int code = ::getaddrinfo(host.c_str(), nullptr, &wish, &found);
  if (code != 0) return fail(error_of(code, errno));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
  std::vector<endpoint> all;
  for (const addrinfo* at = found; at; at = at->ai_next) {
    detail::address a;
    a.size = at->ai_addrlen;
    std::copy_n(reinterpret_cast<const char*>(at->ai_addr), at->ai_addrlen, reinterpret_cast<char*>(a.get()));
    all.push_back(detail::to_endpoint(a));
  }
  return all;
}

}  // namespace

result<std::vector<endpoint>> resolve(const context& ctx, std::string_view host) {
  if (const std::error_code err = ctx.err()) return fail(err);
  if (const auto number = detail::parse_number(host)) return std::vector{*number};
  if (host.empty() || host.find('\0') != std::string_view::npos) return fail(errc::no_such_host);
  if (const std::error_code err = lookups().acquire(ctx, 1)) return fail(err);
  chan<addresses> answer{1};
  go(go_options{}.name("goro resolver"), [answer, name = std::string(host)] {
    addresses found = blocking([&] { return look_up(name); });
    lookups().release(1);
    answer.send(std::move(found));
  });
  recv_case got{answer};
  recv_case ended{ctx.done()};
  select(got, ended);
  if (ended) return fail(ctx.err());
  return *got.take();
}

}  // namespace goro::net
