// A context that ends the operations of a descriptor.
#pragma once

#include <memory>

#include <goro/context.hpp>

#include "net/fd.hpp"

namespace goro::detail {

// From now on the end of the context cancels; null if it never ends, or there is no such descriptor.
std::shared_ptr<cancel_link> cancel_on_end(const context& ctx, net_fd* f);
// When it returns it does not any more, and what it did is undone.
void end_link(cancel_link& link);

}  // namespace goro::detail
