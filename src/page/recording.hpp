// A trace on demand.
#pragma once

#include <chrono>
#include <string>
#include <system_error>

#include <goro/context.hpp>

namespace goro::detail {

struct recording {
  std::string json;
  std::error_code err;  // std::errc::device_or_resource_busy: somebody else records
};

// Records for so long, or until the context is done (errc::canceled), and reads what was written. One at a
// time: the file is bounded, and so is what a client can have held in memory.
recording record_trace(const context& until, std::chrono::seconds d);

}  // namespace goro::detail
