// Labels of goroutines: what a dump says of one besides its name.
//
// A set of labels is never changed once it is there: the goroutines of one request share it, and who sets a
// label makes a new set. So a dump takes a reference and reads in peace, and a goroutine that starts another
// gives it its own. It hangs on the extras, which few goroutines have: the start of all others looks at one
// word of its starter's that stands beside the id.
#pragma once

#include <memory>
#include <string_view>

#include <goro/detail/spawn.hpp>

namespace goro::detail {

struct goroutine;

// Null: none were set, nor inherited. An empty set: it has none although its starter had some.
using shared_labels = std::shared_ptr<const goroutine_labels>;

// `base`, which may be null, with those set in it, one after another. Throws std::bad_alloc.
shared_labels with_labels(const shared_labels& base, const goroutine_labels& set);

// Those of the calling goroutine; null on a plain thread.
shared_labels own_labels() noexcept;

// Gives the new goroutine the labels of its starter, unless its own say what counts. Without memory it goes
// without.
void inherit_labels(goroutine* gp, const goroutine& starter) noexcept;

}  // namespace goro::detail
