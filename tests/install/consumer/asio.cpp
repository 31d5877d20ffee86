// Asio's algorithms over a connection of goro's.
#include <goro/asio.hpp>
#include <goro/goro.hpp>

#include <array>
#include <utility>

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

int main() {
  return goro::run([] {
    auto [a, b] = goro::net::unix_conn::pair().value();
    goro::net::asio_stream from(std::move(a));
    goro::net::asio_stream to(std::move(b));
    std::array<char, 3> text{'a', 'b', 'c'};
    boost::asio::write(from, boost::asio::buffer(text));
    return boost::asio::read(to, boost::asio::buffer(text)) == text.size() ? 0 : 1;
  });
}
