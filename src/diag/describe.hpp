// Goroutines in words, in Go's shape.
#pragma once

#include <string>

#include <goro/diag.hpp>

#include "sched/goroutine.hpp"

namespace goro::detail {

// "runnable", "running", or the wait reason.
std::string state_of(const goroutine& g, g_status status);

// "file:line (function)", or words that say that it is not known.
std::string place_of(const std::source_location& where);

// "goroutine N", with its name in quotes, if it has one.
std::string title_of(const goroutine& g);

// The same of that with this number, if there is one.
std::string title_of(goroutine_id id);

// A name as it stands in a report, whatever the program has put into it: on one line, with a visible end.
std::string in_quotes(std::string_view name);
// The same of what is known of it.
std::string title(goroutine_id id, const std::string& name);

std::string name_of(const goroutine& g);

// Null if it has none.
shared_labels labels_of(const goroutine& g);

// " {"key":"value", ...}", with that space; empty if there are none.
std::string labels_in_words(const shared_labels& labels);

// What there is to know of one that is in that state.
diag::goroutine_info info_of(const goroutine& g, std::string state);

}  // namespace goro::detail
