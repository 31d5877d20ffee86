// Pattern: a pool of 10, built from a buffered channel used as a semaphore, and 100 goroutines that want in.
//
// A goroutine is cheap, so each of the 100 jobs gets its own. What is dear (a connection, memory, a remote
// service) is guarded by the channel: its buffer has ten places, a send takes one and blocks while all are
// taken, a receive gives one back. The pool with a fixed number of workers instead is
// exercise3_worker_pool_jobs.cpp.

#include <atomic>
#include <cstdio>

#include <goro/goro.hpp>

namespace {

constexpr int k_pool_size = 10;
constexpr int k_jobs = 100;

// Remembers the largest value that `now` has had.
void note_peak(std::atomic<int>& peak, int now) {
  int seen = peak.load();
  while (seen < now && !peak.compare_exchange_weak(seen, now)) {
  }
}

}  // namespace

int main() {
  return goro::run([] {
    const goro::chan<goro::unit> places{k_pool_size};
    std::atomic<int> inside{0};
    std::atomic<int> peak{0};
    std::atomic<long> sum{0};

    goro::wait_group wg;
    for (int job = 0; job != k_jobs; ++job) {
      wg.go([&, job] {
        places.send({});  // waits for a free place
        const goro::scope_exit leave([&] { places.recv(); });

        note_peak(peak, inside.fetch_add(1) + 1);
        for (int i = 0; i != 5; ++i) goro::this_goroutine::yield();  // work that waits now and then
        sum.fetch_add(static_cast<long>(job) * job);
        inside.fetch_sub(1);
      });
    }
    wg.wait();

    std::printf("%d jobs done, the sum of their squares is %ld\n", k_jobs, sum.load());
    if (peak.load() <= k_pool_size) {
      std::printf("never more than %d at once\n", k_pool_size);
    } else {
      std::printf("%d at once: too many\n", peak.load());
    }
    std::printf("%zu places are taken now\n", places.size());
  });
}
