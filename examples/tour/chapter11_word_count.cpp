// Chapter 11: real input. The words of every readable file under a folder, counted by goroutines.
//
//   walker -> files -> reader x N -> findings -> this chapter: totals, troubles, a line of progress
//
// One goroutine walks the folder. Several read (fan-out), and all of them, the walker too, send what they
// found to one place (fan-in). The walker closes `files` when it has seen all; the readers' loops end with
// that; and when the walker and all readers have ended, `findings` is closed and the totals are complete.
// There is no lock and no shared variable. The buffers limit how far anybody runs ahead, so memory does not
// grow with the folder.
//
// Regular files are counted; links are not followed, so loops are no trouble. What cannot be read is
// reported.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <goro/diag.hpp>

#include "tour.hpp"
#include "words.hpp"

namespace tour {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

// What one file, or a folder that could not be opened, amounts to.
struct finding {
  fs::path path;
  std::uint64_t words = 0;
  std::uint64_t bytes = 0;
  std::error_code trouble{};
};

// Sends every regular file of one folder, and remembers its folders for later.
void walk_folder(const fs::path& folder, std::vector<fs::path>& later, const goro::send_chan<fs::path>& files,
                 const goro::send_chan<finding>& findings) {
  std::error_code error;
  fs::directory_iterator it(folder, error);
  for (; !error && it != fs::directory_iterator(); it.increment(error)) {
    std::error_code gone;  // an entry that vanishes meanwhile is none
    const auto type = it->symlink_status(gone).type();
    if (type == fs::file_type::regular) files.send(it->path());
    if (type == fs::file_type::directory) later.push_back(it->path());
  }
  if (error) findings.send({.path = folder, .trouble = error});
}

void walk(const fs::path& root, const goro::send_chan<fs::path>& files,
          const goro::send_chan<finding>& findings) {
  std::vector<fs::path> folders{root};
  while (!folders.empty()) {
    const fs::path folder = std::move(folders.back());
    folders.pop_back();
    walk_folder(folder, folders, files, findings);
  }
  files.close();
}

// Counts one open file. The buffer is the reader's own, used again for each of its files.
void count(int fd, const word_rule& rule, std::vector<char>& buffer, finding& f) {
  word_counter counter(rule);
  std::size_t kept = 0;  // bytes at the front of the buffer that begin a character
  for (;;) {
    const ssize_t n = ::read(fd, buffer.data() + kept, buffer.size() - kept);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      f.trouble = std::error_code(errno, std::generic_category());
      return;
    }
    if (n == 0) break;
    f.bytes += static_cast<std::uint64_t>(n);
    const std::span<const char> piece(buffer.data(), kept + static_cast<std::size_t>(n));
    const std::size_t used = counter.feed(piece);
    kept = piece.size() - used;
    std::copy(piece.begin() + static_cast<std::ptrdiff_t>(used), piece.end(), buffer.begin());
  }
  f.words = counter.finish({buffer.data(), kept});
}

void read_files(const word_rule& rule, const goro::recv_chan<fs::path>& files,
                const goro::send_chan<finding>& findings) {
  std::vector<char> buffer(std::size_t{128} * 1024);  // on the heap: a goroutine's stack is small
  for (fs::path path : files) {
    finding f{.path = std::move(path)};
    const int fd = ::open(f.path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
      f.trouble = std::error_code(errno, std::generic_category());
    } else {
      count(fd, rule, buffer, f);
      ::close(fd);
    }
    findings.send(std::move(f));
  }
}

// A line of progress on stderr: one that is written over on a terminal, a new one every few seconds
// elsewhere.
class progress_line {
 public:
  void show(std::size_t files, std::uint64_t words) {
    const auto now = goro::clock::now();
    if (now < next_) return;
    next_ = now + (terminal_ ? goro::clock::duration(100ms) : goro::clock::duration(2s));
    std::fprintf(stderr, "%s  %zu files, %llu words so far%s", terminal_ ? "\r" : "", files,
                 static_cast<unsigned long long>(words), terminal_ ? "" : "\n");
  }
  void wipe() const {
    if (terminal_) std::fputs("\r\033[K", stderr);
  }

 private:
  bool terminal_ = ::isatty(STDERR_FILENO) == 1;
  goro::time_point next_ = goro::clock::now() + 100ms;
};

struct totals {
  std::uint64_t words = 0;
  std::uint64_t bytes = 0;
  std::vector<fs::path> counted;
  std::vector<finding> troubles;
};

void add(totals& t, finding f) {
  if (f.trouble) {
    t.troubles.push_back(std::move(f));
    return;
  }
  t.words += f.words;
  t.bytes += f.bytes;
  t.counted.push_back(std::move(f.path));
}

totals count_words(const fs::path& root, const word_rule& rule, int readers) {
  const goro::chan<fs::path> files{256};
  const goro::chan<finding> findings{256};
  goro::wait_group senders;
  senders.go([&] { walk(root, files, findings); });
  for (int r = 0; r != readers; ++r) {
    senders.go([&] { read_files(rule, files, findings); });
  }
  goro::go([&senders, findings] {
    senders.wait();
    findings.close();
  });

  totals t;
  progress_line progress;
  for (;;) {
    auto f =
        findings.try_recv_for(100ms);  // with a limit, so that the progress is shown also while nothing comes
    if (f) add(t, std::move(*f));
    if (f.error() == goro::errc::closed) break;
    progress.show(t.counted.size(), t.words);
  }
  progress.wipe();
  return t;
}

// The number that the command prints first; nothing if it prints none.
std::optional<std::uint64_t> number_from(const std::string& command) {
  // NOLINTNEXTLINE(bugprone-command-processor): the commands are our own, and hold no name of a file
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(command.c_str(), "re"), &::pclose);
  if (!pipe) return std::nullopt;
  std::string output;
  for (int c = std::getc(pipe.get()); c != EOF; c = std::getc(pipe.get())) output += static_cast<char>(c);
  char* end = nullptr;
  const std::uint64_t number = std::strtoull(output.c_str(), &end, 10);
  if (end == output.c_str()) return std::nullopt;
  return number;
}

// What `wc -w` says of the same files; nothing if there is no wc that can read a list of names.
std::optional<std::uint64_t> ask_wc(const std::vector<fs::path>& files) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> list(std::tmpfile(), &std::fclose);
  if (!list) return std::nullopt;
  for (const fs::path& f : files) std::fwrite(f.c_str(), 1, f.native().size() + 1, list.get());
  if (std::fflush(list.get()) != 0) return std::nullopt;
  return number_from("wc -w --files0-from=/dev/fd/" + std::to_string(::fileno(list.get())) +
                     " 2>/dev/null | tail -n 1");
}

void report(const totals& t) {
  constexpr std::size_t k_shown = 10;
  for (std::size_t i = 0; i != std::min(t.troubles.size(), k_shown); ++i) {
    const finding& f = t.troubles[i];
    std::fprintf(stderr, "tour: skipped %s: %s\n", f.path.c_str(), f.trouble.message().c_str());
  }
  if (t.troubles.size() > k_shown) std::fprintf(stderr, "tour: and %zu more\n", t.troubles.size() - k_shown);
  say("files counted: %zu, skipped because they cannot be read: %zu", t.counted.size(), t.troubles.size());
  say("words: %llu in %llu bytes", static_cast<unsigned long long>(t.words),
      static_cast<unsigned long long>(t.bytes));
}

void compare_with_wc(const totals& t) {
  if (t.counted.empty()) {
    check(t.words == 0, "no file, no words");
    return;
  }
  std::optional<std::uint64_t> expected;
  const double took = seconds([&] { expected = ask_wc(t.counted); });
  if (!expected) {
    say("There is no wc here that reads a list of names: the total is not compared.");
    return;
  }
  say("wc -w says:  %llu (%.2f s, one process, one thread)", static_cast<unsigned long long>(*expected),
      took);
  check(*expected == t.words, "the same files have the same number of words for `wc -w`");
}

// Records what body does, if the settings say so.
template <std::invocable Body>
void record(const settings& s, Body body) {
  if (s.trace.empty()) return body();
  if (const std::error_code trouble = goro::diag::start_trace(s.trace.string())) {
    say("%s: %s", s.trace.c_str(), trouble.message().c_str());
    check(false, "a trace begins");
    return body();
  }
  body();
  check(!goro::diag::stop_trace(), "stop_trace() has completed the file");
  say("a trace: %s", s.trace.c_str());
}

}  // namespace

void chapter_word_count(const settings& s) {
  // Does the wc of this system take a run of unprintable characters for a word? See words.hpp.
  const word_rule rule(number_from("printf '\\001' | wc -w").value_or(1) != 0);
  const int readers = 2 * goro::max_procs();
  say("the words of the files under %s: 1 walker, %d readers, channels between", s.folder.c_str(), readers);

  totals t;
  int rounds = 0;
  double took = 0;
  record(s, [&] {
    const auto begin = goro::clock::now();
    do {
      t = count_words(s.folder, rule, readers);
      ++rounds;
      took = std::chrono::duration<double>(goro::clock::now() - begin).count();
    } while (took < s.seconds);
  });
  report(t);
  if (rounds != 1) say("all of it: %d times", rounds);
  say("time:  %.2f s, %.0f MB/s", took, static_cast<double>(t.bytes) * rounds / 1e6 / took);
  compare_with_wc(t);
  say("The files are read with plain blocking calls: a reader that waits for the disk loses its P to another "
      "one.");
}

}  // namespace tour
