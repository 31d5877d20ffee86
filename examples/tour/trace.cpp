// The tour records a trace of itself (chapter 5). The picture in docs/images/trace.svg is drawn from such a
// file.

#include <unistd.h>

#include <chrono>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <goro/diag.hpp>
#include <iterator>
#include <string>

#include "tour.hpp"

namespace tour {

namespace {

using namespace std::chrono_literals;

void compute(std::chrono::microseconds d) {
  const auto end = goro::clock::now() + d;
  while (goro::clock::now() < end) {
  }
}

// A source, three workers, a sink, and one that blocks its thread.
void small_program() {
  const goro::chan<int> jobs{4};
  const goro::chan<int> results{4};
  goro::wait_group workers;
  workers.add(3);
  for (int w = 0; w != 3; ++w) {
    goro::go(goro::go_options{}.name("worker " + std::to_string(w)), [&workers, jobs, results, w] {
      for (const int n : jobs) {
        compute(40us + w * 20us);
        results.send(n * n);
      }
      workers.done();
    });
  }
  goro::go(goro::go_options{}.name("source"), [jobs] {
    for (int n = 0; n != 40; ++n) {
      compute(10us);
      if (n % 10 == 9) goro::sleep_for(300us);
      jobs.send(n);
    }
    jobs.close();
  });
  goro::wait_group blocker;
  blocker.add();
  goro::go(goro::go_options{}.name("blocks its thread"), [&blocker] {
    static constexpr std::timespec k_while{.tv_sec = 0, .tv_nsec = 1'500'000};
    goro::blocking([] { ::nanosleep(&k_while, nullptr); });
    blocker.done();
  });
  goro::go(goro::go_options{}.name("closes"), [&workers, results] {
    workers.wait();
    results.close();
  });
  long sum = 0;
  for (const int r : results) sum += r;
  blocker.wait();
  check(sum == 20540, "a small program ran while it was recorded, and its result is right");
}

std::string content_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

void record_a_trace() {
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("goro-tour-" + std::to_string(::getpid()) + ".json");
  {
    const procs_scope two(2);
    const std::error_code trouble = goro::diag::start_trace(file.string());
    check(!trouble, "a trace begins: from now on each turn is written down");
    if (trouble) return say("%s: %s", file.c_str(), trouble.message().c_str());
    small_program();
    check(!goro::diag::stop_trace(), "stop_trace() has written all of it");
  }
  const std::string text = content_of(file);
  const bool complete =
      text.starts_with("{") && text.ends_with("}\n") && text.find("\"worker 2\"") != text.npos;
  check(complete, "the file is complete, and the goroutines stand there by their names");
  say("a trace:        %s, %zu KB: open it in https://ui.perfetto.dev, or draw it with tools/draw_trace.py",
      file.c_str(), text.size() / 1024);
  say("a live page:    goro::diag::serve(\"127.0.0.1:6060\") shows all this in a browser; ./run example "
      "live_page");
}

}  // namespace tour
