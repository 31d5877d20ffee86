#include <goro/error.hpp>

namespace goro {

namespace {

class category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "goro"; }

  std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::closed:
        return "closed";
      case errc::timed_out:
        return "deadline exceeded";
      case errc::canceled:
        return "context canceled";
      case errc::would_block:
        return "would block";
      case errc::unexpected_eof:
        return "unexpected end of file";
      case errc::no_such_host:
        return "no such host";
      case errc::no_deadline:
        return "file type does not support deadline";
      case errc::invalid_address:
        return "invalid address (wanted: host:port, [IPv6]:port)";
      case errc::invalid_path:
        return "invalid path for a Unix socket (empty, or with a NUL in it)";
    }
    return "unknown goro error";
  }

  std::error_condition default_error_condition(int value) const noexcept override {
    switch (static_cast<errc>(value)) {
      case errc::timed_out:
        return std::errc::timed_out;
      case errc::canceled:
        return std::errc::operation_canceled;
      case errc::would_block:
        return std::errc::operation_would_block;
      case errc::no_such_host:
        return std::errc::host_unreachable;
      case errc::invalid_address:
      case errc::invalid_path:
        return std::errc::invalid_argument;
      case errc::no_deadline:
        return std::errc::operation_not_supported;
      case errc::closed:
      case errc::unexpected_eof:
        break;
    }
    return {value, *this};
  }
};

// Never destroyed: results are looked at also in the destructors of static objects.
union immortal {
  category instance;
  immortal() noexcept : instance() {}
  // NOLINTNEXTLINE(modernize-use-equals-default): a default one would be deleted
  ~immortal() {}
};

}  // namespace

const std::error_category& goro_category() noexcept {
  static const immortal storage;
  return storage.instance;
}

}  // namespace goro
