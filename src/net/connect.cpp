#include "net/connect.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <cerrno>

#include "os/clock.hpp"

namespace goro::detail {

namespace {

// The kernel is at it. Waits for the outcome.
std::error_code finish_connecting(net_fd& f) {
  std::error_code err;
  until_done(f, direction::write, err, [&f] {
    const int error = connect_error(f.fd);
    return transfer{.n = 0, .error = error == EINPROGRESS ? EAGAIN : error};
  });
  return err;
}

// On a port of the kernel's choice two ends of one socket may meet, where nobody listens.
bool met_itself(int fd) noexcept {
  const address peer = peer_address(fd);
  return peer.size != 0 && to_endpoint(peer) != net::endpoint() &&
         to_endpoint(peer) == to_endpoint(local_address(fd));
}

// How long one of several addresses may take: an equal part of what is left, but at least two seconds, as in
// Go. None where that is all of it: the context ends the last attempt, and is done before dial() is.
time_point share_of(const std::optional<time_point>& deadline, std::size_t addresses_left) {
  if (!deadline || *deadline == time_point::max()) return k_no_deadline;
  constexpr auto k_least = std::chrono::seconds(2);
  const time_point start = now();
  const auto left = *deadline - start;
  const auto part = left / static_cast<clock::rep>(addresses_left);
  const auto share = std::max<clock::duration>(part, k_least);
  return share < left ? start + share : k_no_deadline;
}

// How the context has ended, if it has. When its time is over it is about to, and there is none for others.
std::error_code end_of(const context& ctx) {
  const std::optional<time_point> limit = ctx.deadline();
  if (limit && *limit <= now()) ctx.done().recv();
  return ctx.err();
}

}  // namespace

net::endpoint ask_address(net_fd* f, address (*what)(int fd) noexcept) {
  const fd_use use(f);
  return use ? to_endpoint(what(f->fd)) : net::endpoint();
}

result<net_fd_handle> connect_to(const context& ctx, const address& to, int type, fd_kind kind,
                                 time_point deadline) {
  const opened o = open_socket(to.storage.ss_family, type);
  if (o.error != 0) return fail(os_error(o.error));
  owned_fd own(o.fd);
  const int error = connect_socket(o.fd, to);
  if (error != 0 && error != EINPROGRESS) return fail(os_error(error));
  // Registered only now: before, an event would tell that it is not connected.
  auto f = take_over(own, kind);
  if (!f) return f;
  if (error == EINPROGRESS) {
    const std::shared_ptr<cancel_link> link = cancel_on_end(ctx, f->get());
    static_cast<void>(set_deadlines(f->get(), deadline, true, true));
    const std::error_code err = finish_connecting(**f);
    if (link) end_link(*link);  // waits for a cancel that is under way, so that the context tells of it
    if (err) return fail(ctx.err() ? ctx.err() : err);
    static_cast<void>(set_deadlines(f->get(), k_no_deadline, true, true));
  }
  if (kind == fd_kind::tcp) send_at_once_and_keep_alive((*f)->fd);
  return f;
}

namespace {

// Not to itself. The kernel chooses another port the next time, so a second try is nearly always the last.
result<net_fd_handle> connect_to_other(const context& ctx, const address& to, int type, fd_kind kind,
                                       time_point deadline) {
  constexpr int k_tries = 3;
  for (int i = 0; i != k_tries; ++i) {
    auto f = connect_to(ctx, to, type, kind, deadline);
    if (!f || kind != fd_kind::tcp || !met_itself((*f)->fd)) return f;
  }
  return fail(os_error(ECONNREFUSED));  // nobody listens there
}

}  // namespace

result<net_fd_handle> connect_by_name(const context& ctx, std::string_view host_port, int type,
                                      fd_kind kind) {
  if (const std::error_code err = ctx.err()) return fail(err);
  const auto parts = split(host_port);
  if (!parts) return fail(errc::invalid_address);
  const auto found = net::resolve(ctx, parts->host.empty() ? "localhost" : parts->host);
  if (!found) return fail(found.error());
  std::error_code first;
  for (std::size_t i = 0; i != found->size(); ++i) {
    const address to = to_address((*found)[i].with_port(parts->port));
    auto f = connect_to_other(ctx, to, type, kind, share_of(ctx.deadline(), found->size() - i));
    if (f) return f;
    if (!first) first = f.error();
    if (const std::error_code err = end_of(ctx)) return fail(err);
  }
  return fail(first ? first : make_error_code(errc::no_such_host));
}

namespace {

// Both families by one socket, where the machine has both.
result<net_fd_handle> bind_to(const net::endpoint& e, bool both, int type, fd_kind kind,
                              int (*prepare)(int fd)) {
  const address to = to_address(e);
  const opened o = open_socket(to.storage.ss_family, type);
  if (o.error != 0) return fail(os_error(o.error));
  owned_fd own(o.fd);
  if (e.is_v6()) set_option(o.fd, IPPROTO_IPV6, IPV6_V6ONLY, both ? 0 : 1);
  if (type == SOCK_STREAM) set_option(o.fd, SOL_SOCKET, SO_REUSEADDR, 1);
  int error = bind_socket(o.fd, to);
  if (error == 0) error = prepare(o.fd);
  if (error != 0) return fail(os_error(error));
  return take_over(own, kind);
}

}  // namespace

result<net_fd_handle> bind_by_name(std::string_view host_port, int type, fd_kind kind,
                                   int (*prepare)(int fd)) {
  const auto parts = split(host_port);
  if (!parts) return fail(errc::invalid_address);
  if (parts->host.empty()) {
    auto f = bind_to(parse_number("::")->with_port(parts->port), true, type, kind, prepare);
    const bool no_v6 = !f && (f.error() == std::errc::address_family_not_supported ||
                              f.error() == std::errc::address_not_available);
    return no_v6 ? bind_to(net::endpoint().with_port(parts->port), false, type, kind, prepare) : std::move(f);
  }
  const auto found = net::resolve(background(), parts->host);
  if (!found) return fail(found.error());
  return bind_to(found->front().with_port(parts->port), false, type, kind, prepare);
}

}  // namespace goro::detail
