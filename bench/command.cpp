// The command line and the result lines: the same for goro-bench and for the peers it is compared with. No
// goro in here.
#include <sys/resource.h>

#include <charconv>
#include <cstdio>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench.hpp"

namespace bench {
namespace {

struct settings {
  std::string_view name;
  std::int64_t procs = 1;
  std::int64_t size = 0;
  std::int64_t goroutines = 0;
  std::int64_t port = 8080;
};
settings flags;

double seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
}

std::string parse(std::span<const std::string_view> args) {
  for (std::size_t i = 0; i < args.size(); ++i) {
    const std::string_view arg = args[i];
    const std::string_view body = arg.substr(arg.starts_with("--") ? 2 : arg.starts_with("-") ? 1 : 0);
    const std::size_t equals = body.find('=');
    const std::string_view flag = body.substr(0, equals);
    std::int64_t* const target = body.size() == arg.size() ? nullptr
                                 : flag == "p"             ? &flags.procs
                                 : flag == "n"             ? &flags.size
                                 : flag == "g"             ? &flags.goroutines
                                 : flag == "port"          ? &flags.port
                                                           : nullptr;
    if (target == nullptr) return "what is " + std::string(arg) + "?";
    if (equals == body.npos && i + 1 == args.size()) return std::string(arg) + " needs a number";
    const std::string_view text = equals == body.npos ? args[++i] : body.substr(equals + 1);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *target);
    const bool number = error == std::errc() && end == text.data() + text.size();
    if (!number || *target < (flag == "p" ? 1 : 0) || *target > std::numeric_limits<int>::max()) {
      return "invalid value \"" + std::string(text) + "\" for -" + std::string(flag);
    }
  }
  return {};
}

}  // namespace

std::string parse_command(const workload& chosen, std::span<const std::string_view> arguments) {
  flags.name = chosen.name;
  return parse(arguments);
}

int procs() { return static_cast<int>(flags.procs); }

std::int64_t size_or(std::int64_t default_size) { return flags.size == 0 ? default_size : flags.size; }

std::int64_t goroutines_or(std::int64_t default_count) {
  return flags.goroutines == 0 ? default_count : flags.goroutines;
}

std::int64_t port() { return flags.port; }

void report(const char* metric, double value) {
  std::printf("workload=%.*s procs=%lld metric=%s value=%.4g\n", static_cast<int>(flags.name.size()),
              flags.name.data(), static_cast<long long>(flags.procs), metric, value);
  std::fflush(stdout);  // a crash later on must not swallow what was measured
}

double ms_since(clock::time_point start) {
  return std::chrono::duration<double, std::milli>(clock::now() - start).count();
}

void report_per_op(clock::time_point start, std::int64_t n) {
  check(n > 0, "-n is too small");
  report("ns_per_op", ms_since(start) * 1e6 / static_cast<double>(n));
}

double memory_bytes() {
  std::ifstream status("/proc/self/status");
  double sum = 0;
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:") || line.starts_with("VmPTE:")) sum += std::stod(line.substr(6)) * 1024;
  }
  return sum;
}

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

void check(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(std::string(flags.name) + ": " + what);
}

}  // namespace bench
