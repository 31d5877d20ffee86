// One connection of a browser.
#pragma once

#include <goro/context.hpp>
#include <goro/net.hpp>

#include "page/answer.hpp"

namespace goro::detail {

// Answers its requests one after another, until either side has no more to say or the context is done. Does
// not throw but std::bad_alloc and the like, which end the connection.
void serve_connection(net::tcp_conn conn, const context& until, page_site& site);

}  // namespace goro::detail
