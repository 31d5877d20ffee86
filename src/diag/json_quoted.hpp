// A text as a JSON string.
#pragma once

#include <string>
#include <string_view>

namespace goro::detail {

// The text between quotes. Whatever its bytes are, the result is valid JSON in ASCII and UTF-8: what is no
// UTF-8 becomes U+FFFD. Characters that mean something in HTML are escaped too, for who puts the document
// there.
std::string json_quoted(std::string_view text);

}  // namespace goro::detail
