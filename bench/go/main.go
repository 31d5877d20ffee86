// gobench is the Go twin of goro-bench: one workload per process, result lines of the form
// "workload=<name> procs=<P> metric=<unit> value=<number>".
// Usage: gobench WORKLOAD [-p GOMAXPROCS] [-n SIZE] [-g GOROUTINES] [-port PORT]
//
// It has every workload that goro-bench has or is to get; `./run bench` asks goro-bench which those are.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"sort"
	"strings"
	"syscall"
	"time"
)

var (
	workload string
	procs    = flag.Int("p", 1, "GOMAXPROCS")
	size     = flag.Int("n", 0, "iterations, elements or goroutines (0: the workload's default)")
	count    = flag.Int("g", 0, "goroutines (0: the workload's default)")
	port     = flag.Int("port", 8080, "TCP port of the servers")
)

var workloads = map[string]func(){
	"spawn_join":       spawnJoin,
	"yield":            yield,
	"skynet":           skynet,
	"parked_shared":    func() { parked(true) },
	"parked_own":       func() { parked(false) },
	"sleepers":         sleepers,
	"fib":              func() { fib(fibByChan) },
	"fib_wg":           func() { fib(fibByWaitGroup) },
	"ping_pong":        pingPong,
	"chan_spsc":        chanSPSC,
	"chan_mpmc":        func() { chanMPMC(128) },
	"chan_unbuf_mpmc":  func() { chanMPMC(0) },
	"select_fanin":     func() { selectFanin(0) },
	"select_fanin_buf": func() { selectFanin(128) },
	"select_timeout":   selectTimeout,
	"mutex":            mutex,
	"rwmutex":          rwmutex,
	"ring":             ring,
	"sieve":            sieve,
	"hog":              hog,
	"blocked_sleep":    blockedSleep,
	"blocked_pipe":     blockedPipe,
	"deep":             deep,
	"echo":             echoServer,
	"http":             rawHTTP,
	"nethttp":          netHTTP,
}

func sizeOr(standard int) int {
	if *size == 0 {
		return standard
	}
	return *size
}

func countOr(standard int) int {
	if *count == 0 {
		return standard
	}
	return *count
}

// report prints one result line.
func report(metric string, value float64) {
	fmt.Printf("workload=%s procs=%d metric=%s value=%.4g\n", workload, *procs, metric, value)
}

// reportPerOp reports the time since start divided by n operations.
func reportPerOp(start time.Time, n int) {
	elapsed := time.Since(start)
	check(n > 0, "-n is too small")
	report("ns_per_op", float64(elapsed.Nanoseconds())/float64(n))
}

func msSince(start time.Time) float64 { return float64(time.Since(start).Nanoseconds()) / 1e6 }

// check panics, so that the exit code is 2, when a result is wrong.
func check(ok bool, what string) {
	if !ok {
		panic(workload + ": " + what)
	}
}

// memoryBytes is resident memory plus page tables of this process (VmRSS + VmPTE).
func memoryBytes() (sum float64) {
	status, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(status), "\n") {
		if strings.HasPrefix(line, "VmRSS:") || strings.HasPrefix(line, "VmPTE:") {
			var kb float64
			fmt.Sscanf(line[6:], "%g", &kb)
			sum += kb * 1024
		}
	}
	return sum
}

// cpuSeconds is the user and system CPU time of this process so far.
func cpuSeconds() float64 {
	var used syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return float64(used.Utime.Nano()+used.Stime.Nano()) / 1e9
}

func main() {
	if len(os.Args) < 2 || workloads[os.Args[1]] == nil {
		var names []string
		for name := range workloads {
			names = append(names, name)
		}
		sort.Strings(names)
		fmt.Fprintln(os.Stderr, "usage: gobench WORKLOAD [-p PROCS] [-n SIZE] [-g GOROUTINES] [-port PORT]")
		fmt.Fprintln(os.Stderr, "workloads:", strings.Join(names, " "))
		os.Exit(2)
	}
	workload = os.Args[1]
	flag.CommandLine.Parse(os.Args[2:])
	runtime.GOMAXPROCS(*procs)
	workloads[workload]()
}
