// goro-bench runs one workload per process and prints lines of
// "workload=<name> procs=<P> metric=<unit> value=<number>".
//
// It is the twin of the Go program in bench/go: same names, flags, loops, capacities, counts and timed
// sections, and std::int64_t where Go has int, so that the two columns of `./run bench` differ in the runtime
// alone. Where C++ would tempt to do less (a loop body inlined where Go calls a function value) it does what
// Go does; what comes with the language (a counted channel handle against the garbage collector) stays on
// each side's bill.
#include <cstdio>
#include <goro/goro.hpp>
#include <string>
#include <vector>

#include "bench.hpp"

namespace bench {
namespace {

const workload* find(std::string_view name) {
  for (const auto set : {sched_workloads(), comm_workloads(), blocking_workloads(), net_workloads()}) {
    for (const workload& w : set) {
      if (w.name == name) return &w;
    }
  }
  return nullptr;
}

int usage(const std::string& complaint) {
  if (!complaint.empty()) std::fprintf(stderr, "goro-bench: %s\n", complaint.c_str());
  std::string names;
  for (const auto set : {sched_workloads(), comm_workloads(), blocking_workloads()}) {
    for (const workload& w : set) names.append(" ").append(w.name);
  }
  std::string servers;
  for (const workload& w : net_workloads()) servers.append(" ").append(w.name);
  std::fprintf(
      stderr,
      "usage: goro-bench WORKLOAD [-p PROCS] [-n SIZE] [-g GOROUTINES]   (0: the workload's default)\n"
      "       goro-bench SERVER [-p PROCS] [-port PORT]\n"
      "workloads:%s\n"
      "servers:%s\n",
      names.c_str(), servers.c_str());
  return 2;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  const std::vector<std::string_view> args(argv + 1, argv + argc);
  if (args.empty()) return bench::usage("");
  const bench::workload* const chosen = bench::find(args[0]);
  if (chosen == nullptr) return bench::usage("unknown workload " + std::string(args[0]));
  const std::string complaint = bench::parse_command(*chosen, std::span(args).subspan(1));
  if (!complaint.empty()) return bench::usage(complaint);
  // Goroutines that are still parked or sending when the body returns end with the process, as Go's do.
  return goro::run(goro::run_options{}.max_procs(bench::procs()), chosen->body);
}
