// Twenty thousand connections that do nothing, each with a goroutine that waits for it: what do they cost?
// And are they all still there when they are used?
//
//   idle_connections --connections 20000
//
// The program starts itself once more for the other ends, since a process may have open only so many
// descriptors. It raises that limit as far as it may, and makes fewer connections where it is lower. One
// address of this machine has too few ports to come from for more, so further ones listen on 127.0.0.2, and
// so on.
//
// Memory is what the process has more than before (VmRSS) with the tables for it (VmPTE); what the kernel has
// for sockets comes on top. Exit code 0: all were answered, and threads were as few as promised. 1:
// otherwise. 2: wrong usage.

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <goro/goro.hpp>
#include <goro/net.hpp>

#include "common/command_line.hpp"

namespace {

using namespace std::chrono_literals;
using goro::net::tcp_conn;

constexpr const char* k_usage =
    "usage: idle_connections [--connections N] [--timeout TIME]\n"
    "  --connections N  how many (default: 20000)\n"
    "  --timeout TIME   for all of it (default: 90s)\n";

// How the program calls itself for the other ends: this, their number, the addresses.
constexpr std::string_view k_other_ends = "--other-ends";

constexpr std::size_t k_for_each_address = 5000;
constexpr std::size_t k_other_descriptors = 24;  // that a process needs besides
constexpr int k_extra_threads = 4;               // besides one for each processor

struct settings {
  std::size_t connections = 20'000;
  std::chrono::milliseconds timeout = 90s;
};

// ---- the process ----------------------------------------------------------------------------------

// Raises the number of descriptors to that, or as far as it may; returns what it is then.
std::size_t raise_descriptor_limit(std::size_t wanted) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= wanted) return limit.rlim_cur;
  const rlimit more{.rlim_cur = wanted, .rlim_max = std::max<rlim_t>(wanted, limit.rlim_max)};
  if (::setrlimit(RLIMIT_NOFILE, &more) == 0) return wanted;  // without privileges not beyond rlim_max
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

struct usage {
  double kilobytes = 0;
  int threads = 0;
};

usage measure() {
  usage u;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    const auto number = [&line] { return std::strtod(line.c_str() + line.find(':') + 1, nullptr); };
    if (line.starts_with("VmRSS:") || line.starts_with("VmPTE:")) u.kilobytes += number();
    if (line.starts_with("Threads:")) u.threads = static_cast<int>(number());
  }
  return u;
}

// Prints what so many connections cost; false if there are too many threads.
bool report(const char* who, const usage& before, const usage& now, std::size_t connections) {
  const int most = goro::max_procs() + k_extra_threads;
  std::printf("%s: %zu connections, %.2f KB for each, %d threads (at most %d)\n", who, connections,
              (now.kilobytes - before.kilobytes) / static_cast<double>(connections), now.threads, most);
  std::fflush(stdout);
  return now.threads <= most;
}

// ---- the other ends -------------------------------------------------------------------------------

// Sends once, and compares the answer.
bool ask(tcp_conn& conn, std::uint64_t number) {
  const auto text = std::to_string(number) + '\n';
  if (!conn.write(text)) return false;
  std::array<char, 32> answer{};
  const auto got = conn.read_full(std::as_writable_bytes(std::span(answer)).first(text.size()));
  return !got.err && std::memcmp(answer.data(), text.data(), text.size()) == 0;
}

// Waits for one byte on standard input; false if that ends instead.
bool wait_for_the_word() {
  auto input = goro::net::file_conn::adopt(STDIN_FILENO);
  std::byte word{};
  return input && input->read({&word, 1}).n == 1;
}

int be_the_other_ends(std::size_t connections, std::span<char*> addresses) {
  const usage before = measure();
  std::vector<tcp_conn> all;
  all.reserve(connections);
  for (std::size_t i = 0; i != connections; ++i) {
    const auto limited = goro::with_timeout(goro::background(), 10s);
    auto conn = goro::net::dial(limited.ctx, addresses[i % addresses.size()]);
    if (!conn) {
      std::fprintf(stderr, "idle_connections: number %zu: %s\n", i, conn.error().message().c_str());
      return 1;
    }
    all.push_back(std::move(*conn));
  }
  goro::chan<goro::unit> now;
  std::atomic<std::size_t> answered{0};
  goro::wait_group asking;
  for (std::size_t i = 0; i != connections; ++i) {
    asking.go([&, i] {
      static_cast<void>(now.recv());
      if (ask(all[i], i)) answered.fetch_add(1, std::memory_order_relaxed);
    });
  }
  const bool told = wait_for_the_word();
  const usage idle = measure();
  now.close();
  asking.wait();
  const bool few_threads = report("the other ends", before, idle, connections);
  std::printf("%zu of them were answered\n", answered.load());
  return told && few_threads && answered.load() == connections ? 0 : 1;
}

// ---- starting them --------------------------------------------------------------------------------

// A child process, told to go on by a byte through a pipe.
class child {
 public:
  child(std::size_t connections, const std::vector<std::string>& addresses) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
    word_ = ends[1];
    std::vector<std::string> words{"idle_connections", std::string(k_other_ends),
                                   std::to_string(connections)};
    words.insert(words.end(), addresses.begin(), addresses.end());
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
    if (::posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, arguments.data(), environ) != 0) pid_ = -1;
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[0]);
    if (pid_ > 0) handle_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  }
  ~child() {
    end();
    if (word_ >= 0) ::close(word_);
    if (handle_ >= 0) ::close(handle_);
  }
  child(const child&) = delete;
  child& operator=(const child&) = delete;

  bool started() const noexcept { return handle_ >= 0; }
  bool tell() const { return ::write(word_, "", 1) == 1; }
  // Waits for its end, as for any other descriptor.
  std::error_code wait(goro::time_point deadline) const {
    return goro::net::wait_readable(handle_, deadline);
  }
  // After that.
  int reap() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  }
  // By force, if it is still there.
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    reap();
  }

 private:
  pid_t pid_ = -1;
  int word_ = -1;
  int handle_ = -1;
};

// ---- the server -----------------------------------------------------------------------------------

class server {
 public:
  explicit server(std::size_t connections) : expected_(connections) {}

  bool listen() {
    for (std::size_t i = 0; i * k_for_each_address < expected_; ++i) {
      auto listener = goro::net::listen("127.0.0." + std::to_string(i + 1) + ":0");
      if (!listener) {
        std::fprintf(stderr, "idle_connections: %s\n", listener.error().message().c_str());
        return false;
      }
      addresses_.push_back(to_string(listener->local()));
      listeners_.push_back(std::move(*listener));
    }
    return true;
  }
  const std::vector<std::string>& addresses() const noexcept { return addresses_; }

  void start() {
    for (auto& listener : listeners_) running_.go([this, &listener] { accept(listener); });
  }
  // Closed when all have come.
  const goro::chan<goro::unit>& all_here() const noexcept { return all_here_; }

  void stop() {
    for (auto& listener : listeners_) static_cast<void>(listener.close());
    running_.wait();
  }

 private:
  void accept(goro::net::tcp_listener& listener) {
    while (auto conn = listener.accept()) {
      running_.go([this, c = std::move(*conn)]() mutable { echo(c); });
    }
  }

  void echo(tcp_conn& conn) {
    if (here_.fetch_add(1, std::memory_order_relaxed) + 1 == expected_) all_here_.close();
    std::array<std::byte, 64> buffer;
    for (;;) {
      const auto [n, err] = conn.read(buffer);
      if (n == 0 || err || !conn.write(std::span(buffer).first(n))) return;
    }
  }

  const std::size_t expected_;
  std::list<goro::net::tcp_listener> listeners_;
  std::vector<std::string> addresses_;
  std::atomic<std::size_t> here_{0};
  goro::chan<goro::unit> all_here_;
  goro::wait_group running_;
};

// Waits until all have come, and then until there are no more threads than there have to be: some are made
// for a while where a thread stood still, as on a machine that is busy with other things, and end when idle.
bool wait_for_all(const server& s, const goro::context& ctx) {
  goro::recv_case here{s.all_here()};
  goro::recv_case ended{ctx.done()};
  goro::select(here, ended);
  if (ended) {
    std::fprintf(stderr, "idle_connections: not all have come: %s\n", ctx.cause().message().c_str());
    return false;
  }
  for (int i = 0; i != 60 && (i == 0 || measure().threads > goro::max_procs() + k_extra_threads); ++i) {
    goro::sleep_for(500ms);
  }
  return true;
}

int run(const settings& set, std::size_t connections) {
  const goro::time_point deadline = goro::clock::now() + set.timeout;
  server s(connections);
  if (!s.listen()) return 1;
  const usage before = measure();
  s.start();
  child others(connections, s.addresses());
  if (!others.started()) {
    std::fprintf(stderr, "idle_connections: cannot start the other process\n");
    s.stop();
    return 1;
  }
  // Done when the child ends too, be it too early.
  const auto limited = goro::with_deadline(goro::background(), deadline);
  goro::wait_group watching;
  watching.go([&] {
    if (!others.wait(deadline)) limited.cancel(std::make_error_code(std::errc::no_child_process));
  });
  bool good = wait_for_all(s, limited.ctx);
  if (good) {
    good = report("the server", before, measure(), connections);
    good = others.tell() && good;
    static_cast<void>(limited.ctx.done().recv());
    good = limited.ctx.err() == goro::errc::canceled && others.reap() == 0 && good;
  }
  others.end();  // closes the connections that the server waits for
  watching.wait();
  s.stop();
  return good ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::span<char*> arguments(argv, static_cast<std::size_t>(argc));
  if (argc > 3 && arguments[1] == k_other_ends) {
    const auto n = example::to_number<std::size_t>(arguments[2]).value_or(0);
    raise_descriptor_limit(n + k_other_descriptors);
    return goro::run([&] { return be_the_other_ends(n, arguments.subspan(3)); });
  }
  settings set;
  const std::array options{
      example::option{"--connections", example::number<std::size_t>(set.connections, 1, 1'000'000)},
      example::option{"--timeout", example::duration(set.timeout)},
  };
  if (const auto code = example::read_arguments(argc, argv, k_usage, options)) return *code;
  const std::size_t limit = raise_descriptor_limit(set.connections + k_other_descriptors);
  const std::size_t possible = std::min(set.connections, limit - std::min(limit, k_other_descriptors));
  if (possible < set.connections) {
    std::printf("only %zu connections: a process may have %zu descriptors\n", possible, limit);
  }
  if (possible == 0) return 1;
  return goro::run([&] { return run(set, possible); });
}
