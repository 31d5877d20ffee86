package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"sort"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// hog: how late 500 sleeps of 1 ms end while 2*P endless loops without calls run.
func hog() {
	for i := 0; i < 2**procs; i++ {
		go func() {
			for {
			}
		}()
	}
	n := sizeOr(500)
	late := make([]float64, n)
	done := make(chan bool)
	go func() {
		for i := range late {
			start := time.Now()
			time.Sleep(time.Millisecond)
			late[i] = msSince(start) - 1
		}
		done <- true
	}()
	<-done
	sort.Float64s(late)
	report("late_p50_ms", late[n/2])
	report("late_p99_ms", late[n*99/100])
	report("late_max_ms", late[n-1])
	os.Exit(0)
}

// blockedSleep: g goroutines each make a raw nanosleep call of 10 ms; twice, so that the second round finds the
// threads.
func blockedSleep() {
	for _, metric := range []string{"cold_ms", "warm_ms"} {
		start := time.Now()
		var wg sync.WaitGroup
		for i := 0; i < countOr(64); i++ {
			wg.Add(1)
			go func() {
				ts := syscall.Timespec{Nsec: 10000000}
				syscall.Syscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0, 0)
				wg.Done()
			}()
		}
		wg.Wait()
		report(metric, msSince(start))
	}
}

// blockedPipe: g goroutines each read a pipe of their own in blocking mode; 10 ms later one writes a byte to all.
func blockedPipe() {
	for _, metric := range []string{"cold_ms", "warm_ms"} {
		start := time.Now()
		var wg sync.WaitGroup
		var pipes [][2]int
		for i := 0; i < countOr(64); i++ {
			var p [2]int
			check(syscall.Pipe(p[:]) == nil, "no pipe")
			pipes = append(pipes, p)
			wg.Add(1)
			go func() {
				var b [1]byte
				syscall.Read(p[0], b[:])
				wg.Done()
			}()
		}
		time.Sleep(10*time.Millisecond - time.Since(start))
		for _, p := range pipes {
			syscall.Write(p[1], []byte{1})
		}
		wg.Wait()
		report(metric, msSince(start))
		for _, p := range pipes {
			syscall.Close(p[0])
			syscall.Close(p[1])
		}
	}
}

// dive recurses n deep with about 1 KB per frame and touches all of it.
//
//go:noinline
func dive(n int) byte {
	var frame [1000]byte
	frame[n%1000] = byte(n)
	if n == 0 {
		return frame[0]
	}
	below := dive(n - 1)
	return below + frame[(n*7)%1000]
}

// deep: one goroutine uses about 500 MB of stack, returns, and stays alive; then who keeps the memory?
func deep() {
	debug.SetMaxStack(4 << 30)
	depth := sizeOr(480000)
	step, ack := make(chan int), make(chan int)
	var sink atomic.Int64
	go func() {
		for d := range step {
			sink.Add(int64(dive(d)))
			ack <- 1
		}
	}()
	mb := func() float64 { return memoryBytes() / (1 << 20) }
	for _, metric := range []string{"first_ms", "second_ms"} {
		start := time.Now()
		step <- depth
		<-ack
		report(metric, msSince(start))
	}
	report("returned_rss_mb", mb())
	time.Sleep(10 * time.Second)
	report("after_10s_rss_mb", mb())
	runtime.GC()
	report("after_1gc_rss_mb", mb())
	time.Sleep(10 * time.Second)
	report("after_1gc_10s_rss_mb", mb())
	for i := 0; i < 15; i++ {
		runtime.GC()
	}
	report("after_16gc_rss_mb", mb())
	debug.FreeOSMemory()
	report("after_freeosmemory_rss_mb", mb())
	close(step)
}
