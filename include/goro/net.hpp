// Sockets in straight-line code: each call that has to wait parks its goroutine (a plain thread sleeps), and
// nobody else.
//
//   auto listener = goro::net::listen("127.0.0.1:8080").value();
//   while (auto conn = listener.accept())
//     goro::go([c = std::move(*conn)]() mutable { ... c.read(buffer) ... c.write(reply) ... });
//
// Errors are values: errc::closed after close() here, errc::timed_out at a deadline, errc::canceled by a
// cancel_guard; what the kernel says keeps its own code (std::errc::connection_reset, ...). EINTR and SIGPIPE
// never reach the caller. Where a function takes a std::span it does so without a copy.
//
// All members may be called from several goroutines and threads at once, on the same object, except move
// assignment and destruction. Reads among each other, and writes among each other, are done one after
// another. What precedes a close(), or a change of a deadline, happens before the return of the calls that it
// ends. Nothing else here orders memory: what was written before a write() is not promised to be seen by who
// reads the bytes in the same process. (package net)
#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <goro/clock.hpp>
#include <goro/context.hpp>
#include <goro/error.hpp>

namespace goro::detail {

struct net_fd;
struct cancel_link;

struct net_fd_closer {
  void operator()(net_fd* f) const noexcept;  // closes it if it is open
};
using net_fd_handle = std::unique_ptr<net_fd, net_fd_closer>;

struct endpoint_access;
struct descriptor_access;

}  // namespace goro::detail

namespace goro::net {

// An IP address and a port.
class endpoint {
 public:
  // 0.0.0.0:0
  endpoint() noexcept = default;

  // "192.0.2.1:80", "[2001:db8::1]:80", "[fe80::1%eth0]:80"; no names. errc::invalid_address if it is none.
  static result<endpoint> parse(std::string_view text);

  // "192.0.2.1", "2001:db8::1", "fe80::1%2"
  std::string address() const;
  std::uint16_t port() const noexcept { return port_; }
  bool is_v6() const noexcept { return v6_; }
  // The same address with another port.
  endpoint with_port(std::uint16_t port) const noexcept;

  friend std::string to_string(const endpoint& e);  // what parse() takes
  friend std::ostream& operator<<(std::ostream& out, const endpoint& e);
  friend auto operator<=>(const endpoint&, const endpoint&) noexcept = default;

 private:
  friend struct detail::endpoint_access;

  bool v6_ = false;
  std::array<unsigned char, 16> bytes_{};  // the first four for v4
  std::uint32_t scope_ = 0;
  std::uint16_t port_ = 0;
};

std::string to_string(const endpoint& e);
std::ostream& operator<<(std::ostream& out, const endpoint& e);

// What all open things here have in common. An object that was moved from is closed.
class descriptor {
 public:
  descriptor(descriptor&&) noexcept = default;
  descriptor& operator=(descriptor&&) noexcept = default;  // closes what it had
  ~descriptor() = default;                                 // closes it

  // A point of time from which on reads, writes, or both, fail with errc::timed_out, those that wait as well
  // as later ones, until it is changed; time_point{} is none. (Accepting is reading.) It never comes early.
  // The calls that wait heed the change. Do not block. errc::closed; errc::no_deadline for a regular file.
  // (Conn.SetDeadline)
  std::error_code set_deadline(time_point when);
  std::error_code set_read_deadline(time_point when);
  std::error_code set_write_deadline(time_point when);

  // Ends all calls that wait, with errc::closed, and later ones too. The kernel's descriptor is given back
  // when the last of them has returned. A second close gives errc::closed. Does not block. (Conn.Close)
  std::error_code close() noexcept;

  bool is_open() const noexcept;
  // The kernel's number, for setsockopt() and the like; -1 if closed. It is non-blocking, and must not be
  // closed.
  int native_handle() const noexcept;

 protected:
  explicit descriptor(detail::net_fd_handle fd) noexcept : fd_(std::move(fd)) {}
  detail::net_fd* fd() const noexcept { return fd_.get(); }

 private:
  friend class cancel_guard;

  detail::net_fd_handle fd_;
};

// While it lives, the end of the context ends the calls of that object with errc::canceled, those that wait
// as well as later ones: when the cancel returns, or ctx.err() tells, it is so. Only a call on a regular file
// that is under way does its work. Afterwards the object can be used as before. It must not outlive the
// object. One object may have several, in any order: it is usable as long as the contexts of all that live go
// on.
class cancel_guard {
 public:
  cancel_guard(const context& ctx, descriptor& what);
  ~cancel_guard();
  cancel_guard(const cancel_guard&) = delete;
  cancel_guard& operator=(const cancel_guard&) = delete;

 private:
  std::shared_ptr<detail::cancel_link> link_;
};

// A stream of bytes in both directions.
class conn : public descriptor {
 public:
  // Waits until there is at least one byte, and reads what is there, up to to.size(). n == 0 without an error
  // is the end of the stream, unless `to` is empty: that returns at once, whatever deadlines and guards say.
  // (Conn.Read)
  io_result read(std::span<std::byte> to);
  // Reads until `to` is full; errc::unexpected_eof if the stream ends before, with the n that it had. At its
  // very end: n == 0 without an error. (io.ReadFull)
  io_result read_full(std::span<std::byte> to);

  // Waits until all is written, or there is an error: then n says how much the kernel has taken. The second
  // form and the third, write({head, body}), write several pieces one after another. (Conn.Write,
  // net.Buffers)
  io_result write(std::span<const std::byte> from);
  io_result write(std::span<const std::span<const std::byte>> pieces);
  io_result write(std::initializer_list<std::span<const std::byte>> pieces) {
    return write(std::span<const std::span<const std::byte>>(pieces.begin(), pieces.size()));
  }
  io_result write(std::string_view text) { return write(std::as_bytes(std::span(text))); }

 protected:
  using descriptor::descriptor;
};

// A stream socket: either direction can be ended alone.
class stream_conn : public conn {
 public:
  // The peer reads to the end of what was written; writing afterwards fails. (CloseWrite)
  std::error_code close_write();
  // Reading finds the end of the stream from now on, whatever comes or has come; so do reads that wait.
  // (CloseRead)
  std::error_code close_read();

 protected:
  using conn::conn;
};

class tcp_conn : public stream_conn {
 public:
  // Makes an object of somebody else's connected socket, which it owns from then on if it succeeds. That it
  // is one is for the caller to know; std::errc::bad_file_descriptor, std::errc::file_exists if an object of
  // goro owns it already, or somebody waits in wait_readable() or wait_writable() for it.
  static result<tcp_conn> adopt(int fd);

  endpoint local() const;
  endpoint remote() const;
  // Small writes are sent at once (the default), or collected while others are under way (Nagle).
  std::error_code set_no_delay(bool on);

 private:
  friend struct detail::descriptor_access;
  using stream_conn::stream_conn;
};

class tcp_listener : public descriptor {
 public:
  // Makes an object of somebody else's listening socket, which it owns from then on if it succeeds.
  static result<tcp_listener> adopt(int fd);

  // Waits for the next connection. Connections that were given up in the queue are passed over. If there are
  // no descriptors to be had (std::errc::too_many_files_open) the listener stays usable, and the connection
  // waits. (Listener.Accept)
  result<tcp_conn> accept();
  endpoint local() const;

 private:
  friend struct detail::descriptor_access;
  using descriptor::descriptor;
};

// Connects to "host:port": a name is resolved, and its addresses are tried in turn; an empty host is this
// machine. Ends with ctx.err() when the context is done, not before; of its time each address gets its share.
// A later end of the context has no effect on the connection. Data is sent at once, and a peer that is gone
// is found out after some minutes, as in Go (TCP_NODELAY, SO_KEEPALIVE). errc::invalid_address,
// errc::no_such_host, std::errc::connection_refused, ... (Dialer.DialContext)
result<tcp_conn> dial(const context& ctx, std::string_view host_port);

// Listens at "127.0.0.1:8080", "[::1]:8080" or, on all addresses, ":8080"; port 0 is chosen by the kernel,
// see local(). Resolving a name may wait; else it does not block. (net.Listen)
result<tcp_listener> listen(std::string_view host_port);

// Datagrams over IP.
class udp_socket : public descriptor {
 public:
  struct datagram {
    std::size_t n = 0;  // how many bytes of it there was room for
    endpoint from;
    bool truncated = false;  // it was longer, and the rest is lost
  };

  // As listen(). (net.ListenPacket)
  static result<udp_socket> bind(std::string_view host_port);
  // To and from one peer only: read() and write() then, as well as the others. (net.Dial("udp", …))
  static result<udp_socket> connect(const context& ctx, std::string_view host_port);

  // The next datagram; into no bytes, too: then all of it is lost.
  result<datagram> receive_from(std::span<std::byte> to);
  io_result send_to(std::span<const std::byte> from, const endpoint& to);
  io_result read(std::span<std::byte> to);           // one datagram, or an empty one; none if `to` is empty
  io_result write(std::span<const std::byte> from);  // one datagram
  endpoint local() const;
  endpoint remote() const;  // of a connected one

 private:
  friend struct detail::descriptor_access;
  using descriptor::descriptor;
};

class unix_conn : public stream_conn {
 public:
  static result<unix_conn> adopt(int fd);
  // Two that are connected with each other.
  static result<std::pair<unix_conn, unix_conn>> pair();

 private:
  friend struct detail::descriptor_access;
  using stream_conn::stream_conn;
};

// The first close() also removes the file at its path, whoever has put it there by then. (UnixListener.Close)
class unix_listener : public descriptor {
 public:
  result<unix_conn> accept();
  std::string path() const;

 private:
  friend struct detail::descriptor_access;
  using descriptor::descriptor;
};

// A path; one that begins with '@' is a name of Linux's own (abstract), without a file. std::errc::
// filename_too_long beyond 107 characters; errc::invalid_path if it is empty or has a NUL in it.
// dial_unix() does not wait for room in the listener's queue: std::errc::resource_unavailable_try_again, as
// in Go. (net.Dial("unix", …), net.Listen("unix", …))
result<unix_conn> dial_unix(const context& ctx, std::string_view path);
result<unix_listener> listen_unix(std::string_view path);

// Any other descriptor: a pipe, a terminal, a device, or a regular file, which blocks its thread (the others
// go on, see docs/blocking.md) and has no deadlines.
class file_conn : public conn {
 public:
  // Owned from then on if it succeeds. It becomes non-blocking, for all who share it.
  static result<file_conn> adopt(int fd);
  // The end for reading and the one for writing. Both are non-blocking, and so is the copy of one that a
  // child process gets, which few programs expect. Before the child is started, with the native_handle() of
  // the end that is for it, and is not used here: fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK). The
  // other end stays as it is. (os.Pipe)
  static result<std::pair<file_conn, file_conn>> pipe();

 private:
  friend struct detail::descriptor_access;
  using conn::conn;
};

// The addresses of a name, or of a number, with port 0; IPv6 and IPv4 in the order of the system's resolver,
// which runs on a thread without a P. When the context is done it is left to itself. errc::no_such_host,
// ctx.err(), or what the resolver says. (Resolver.LookupNetIP)
result<std::vector<endpoint>> resolve(const context& ctx, std::string_view host);

// Waits until somebody else's descriptor, a library's, can be read from, or written to, or has failed, so
// that its non-blocking calls do not block; at once if its kind never blocks. It stays theirs: it must not be
// closed meanwhile. errc::timed_out at the deadline; std::errc::bad_file_descriptor; std::errc::file_exists
// for one that an object of goro owns: those wait by themselves.
std::error_code wait_readable(int fd, time_point deadline = {});
std::error_code wait_writable(int fd, time_point deadline = {});

}  // namespace goro::net
