// Prints max_procs(). `max_procs N` first restricts the process to N processors, then starts itself anew.
#include <sched.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include <goro/goro.hpp>

int main(int argc, char** argv) {
  if (argc == 2) {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 98;
    int keep = std::atoi(argv[1]);
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &allowed) && keep-- <= 0) CPU_CLR(cpu, &allowed);
    }
    if (::sched_setaffinity(0, sizeof allowed, &allowed) != 0) return 97;
    ::execl("/proc/self/exe", argv[0], static_cast<char*>(nullptr));
    return 96;
  }
  return goro::run([] { std::printf("%d\n", goro::max_procs()); });
}
