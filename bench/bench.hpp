// What the workloads of goro-bench share: the command line's settings, the clock, the result lines.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace bench {

using clock = std::chrono::steady_clock;

// One name of the command line and what it runs, in the main goroutine.
struct workload {
  std::string_view name;
  void (*body)();
};
std::span<const workload> sched_workloads();
std::span<const workload> comm_workloads();
std::span<const workload> blocking_workloads();
std::span<const workload> net_workloads();  // servers: they do not end by themselves

// Reads the flags behind the workload's name: "-n 5", "-n=5", "--n 5" and "--n=5", like Go's flag package.
// Returns what is wrong with them, or nothing.
std::string parse_command(const workload& chosen, std::span<const std::string_view> arguments);

int procs();  // -p
// -n and -g, or the workload's own default where the flag is zero or not given.
std::int64_t size_or(std::int64_t default_size);
std::int64_t goroutines_or(std::int64_t default_count);
// -port
std::int64_t port();

// Prints "workload=<name> procs=<P> metric=<metric> value=<number>", four significant digits as in Go's %.4g.
void report(const char* metric, double value);

double ms_since(clock::time_point start);
// Reports metric ns_per_op: the time since start divided by n operations.
void report_per_op(clock::time_point start, std::int64_t n);

// Resident memory and page tables of this process (VmRSS + VmPTE).
double memory_bytes();
// User and system CPU time of this process so far.
double cpu_seconds();

// A wrong result ends the program with a report and exit code 2, as panic does in the twin.
void check(bool ok, const char* what);

// Makes the compiler believe that value is used.
inline void keep(std::int64_t value) { asm volatile("" : : "r"(value)); }

}  // namespace bench
