// Waiting, but not for ever: a time limit on a receive, on a send and on a wait_group.
//
// A limit that ran out is an ordinary outcome, so it comes back as a value: errc::timed_out, or false. It
// changes nothing else: the value that was not sent is still the sender's, and the other side may still come.

#include <chrono>
#include <cstdio>
#include <memory>
#include <utility>

#include <goro/goro.hpp>

using namespace std::chrono_literals;

int main() {
  return goro::run([] {
    const goro::chan<std::unique_ptr<int>> c;

    const auto nothing = c.try_recv_for(5ms);
    std::printf("receive: %s\n", nothing ? "a value" : nothing.error().message().c_str());

    auto parcel = std::make_unique<int>(42);
    const bool sent = c.try_send_for(std::move(parcel), 5ms);
    std::printf("send: %s, the parcel is %s\n", sent ? "delivered" : "not delivered",
                parcel ? "still here" : "gone");

    goro::wait_group wg;
    wg.go([c] { c.recv(); });
    std::printf("wait_group: %s\n", wg.wait_for(5ms) ? "finished" : "still at work");
    c.send(std::move(parcel));
    wg.wait();
    std::printf("the parcel is %s\n", parcel ? "still here" : "gone");

    const auto start = goro::clock::now();
    goro::after(20ms).recv();  // a channel that delivers once, 20 ms from now
    std::printf("after 20 ms at least 20 ms have passed: %s\n",
                goro::clock::now() - start >= 20ms ? "yes" : "no");
  });
}
