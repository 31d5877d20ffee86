// The site that http_server and https_server both show.
#pragma once

#include <string>

#include "message.hpp"

namespace web {

//   /api/stats   the runtime's counters, as JSON
//   /slow?ms=N   works for N ms; 503 if the request's context ends before
//   all others   the files of the folder
handler site(const std::string& root);

}  // namespace web
