// Exercise 3: a pool of three workers that share ten jobs.
//
// The channel of jobs is the queue: each worker takes the next job when it has finished the one before, so no
// worker is idle while there is work. Closing the channel is the end of the day: the loops end by themselves.

#include <array>
#include <cstddef>
#include <cstdio>

#include <goro/goro.hpp>

namespace {

struct outcome {
  std::size_t job;
  std::size_t worker;
  long result;
};

void work(std::size_t worker, const goro::recv_chan<std::size_t>& jobs,
          const goro::send_chan<outcome>& outcomes) {
  for (const std::size_t job : jobs) {
    goro::this_goroutine::yield();  // it takes a while
    outcomes.send({job, worker, static_cast<long>(job * job)});
  }
}

}  // namespace

int main() {
  return goro::run([] {
    constexpr std::size_t k_workers = 3;
    constexpr std::size_t k_jobs = 10;
    const goro::chan<std::size_t> jobs;
    const goro::chan<outcome> outcomes;

    for (std::size_t w = 0; w != k_workers; ++w) goro::go(work, w, jobs, outcomes);
    goro::go([jobs] {
      for (std::size_t j = 0; j != k_jobs; ++j) jobs.send(j);
      jobs.close();
    });

    std::array<long, k_jobs> results{};
    std::array<int, k_workers> done_by{};
    for (std::size_t i = 0; i != k_jobs; ++i) {
      const outcome o = outcomes.recv().value();
      results[o.job] = o.result;
      ++done_by[o.worker];
    }

    for (std::size_t j = 0; j != k_jobs; ++j) std::printf("job %zu: %ld\n", j, results[j]);
    std::printf("%d jobs, done by three workers\n", done_by[0] + done_by[1] + done_by[2]);
  });
}
