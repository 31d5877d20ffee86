// What is to happen as a part of the end of a context, and not, as with after_func, some time later.
#pragma once

#include <memory>

#include <goro/context.hpp>

namespace goro::detail {

// Calls action->run() before done() and err() tell of the end, and so before the cancel returns; at once if
// that has been. It runs under the mutex of the context's tree: it must not wait for anything that a cancel
// waits for, nor throw. unregister_after() takes it back; when that returns it has been called, or never
// will.
std::shared_ptr<void> register_at_end(const context_ptr& node, std::unique_ptr<timer_action> action);

}  // namespace goro::detail
