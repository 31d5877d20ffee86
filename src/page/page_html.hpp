// The page as it was bundled: src/page/web/bundle.mjs writes the source that defines these.
#pragma once

#include <string_view>

namespace goro::detail {

extern const std::string_view k_page_html;
// Its Content-Security-Policy, with the hashes of the script and the style that stand in it.
extern const std::string_view k_page_policy;

}  // namespace goro::detail
