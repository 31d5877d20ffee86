// The live page: a program shows its goroutines and its scheduler to a browser while it runs.
//
//   auto page = goro::diag::serve("127.0.0.1:6060").value();
//   ...                                                        // http://127.0.0.1:6060/ until the end of
//   `page`
//
// Link goro::page; there is none where goro was built without Boost's headers or without npm, see
// docs/live-page.md. The header itself needs neither.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <goro/error.hpp>

namespace goro::detail {
struct page_server;
}

namespace goro::diag {

// What serve() returns: its end stops the page.
class [[nodiscard]] live_page {
 public:
  live_page(live_page&&) noexcept;
  live_page& operator=(live_page&& other) noexcept;  // stops what it had
  ~live_page();

  // Where it is: "127.0.0.1:6060", with the port that the kernel has chosen if it was asked to. Empty after a
  // move.
  std::string address() const;
  std::string url() const;  // "http://127.0.0.1:6060/"

  // Closes the listener and all connections, and waits until their goroutines have ended: some milliseconds,
  // or until a trace that is being recorded has been written. What comes later does nothing.
  void stop() noexcept;

 private:
  friend result<live_page> serve(std::string_view address);
  explicit live_page(std::shared_ptr<detail::page_server> s) noexcept;
  std::shared_ptr<detail::page_server> server_;
};

// Serves the page by HTTP, from goroutines on goro's own network, to who asks at that address. "6060" and
// ":6060" mean this machine only (127.0.0.1); another address must be given in full ("0.0.0.0:6060"), and
// then everybody who reaches it reads the names of goroutines, functions and files: there is no password and
// no encryption. Port 0 is chosen by the kernel. Nothing can be changed through it: it answers GET and HEAD.
// On a loopback address it answers only to the names of this machine, so that no page of somebody else can
// read it by a name of its own (DNS rebinding).
//
// Costs nothing while nobody looks, but one goroutine that waits; each open page asks once a second. There
// are 32 connections at most, and their requests are worked on one after another. Its goroutines are called
// "goro page" and are counted and listed as all others. While it lives a program whose goroutines all wait is
// not called deadlocked. The handle must end before the process does: do not keep it in a static object.
//
// From a goroutine or a plain thread. Does not block, but for the resolver if the address is a name. The
// error is that of net::listen: std::errc::address_in_use, errc::invalid_address, ...
result<live_page> serve(std::string_view address = "127.0.0.1:6060");

}  // namespace goro::diag
