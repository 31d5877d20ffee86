package main

import (
	"runtime"
	"sync"
	"time"
)

// spawnJoin: one goroutine starts n goroutines that only call Done, then waits for all.
func spawnJoin() {
	n := sizeOr(1000000)
	start := time.Now()
	var wg sync.WaitGroup
	for i := 0; i < n; i++ {
		wg.Add(1)
		go func() { wg.Done() }()
	}
	wg.Wait()
	reportPerOp(start, n)
}

// yield: g goroutines each call Gosched k times (1M calls in all by default).
func yield() {
	g := countOr(1000)
	k := sizeOr(1000000) / g
	start := time.Now()
	var wg sync.WaitGroup
	wg.Add(g)
	for i := 0; i < g; i++ {
		go func() {
			for j := 0; j < k; j++ {
				runtime.Gosched()
			}
			wg.Done()
		}()
	}
	wg.Wait()
	reportPerOp(start, g*k)
}

func skyNode(c chan int, num, size int) {
	if size == 1 {
		c <- num
		return
	}
	rc := make(chan int)
	for i := 0; i < 10; i++ {
		go skyNode(rc, num+i*(size/10), size/10)
	}
	sum := 0
	for i := 0; i < 10; i++ {
		sum += <-rc
	}
	c <- sum
}

// skynet: a tree of goroutines with fan-out 10 and 1M leaves, summed over unbuffered channels.
func skynet() {
	n := sizeOr(1000000)
	rest := n
	for rest%10 == 0 {
		rest /= 10
	}
	check(rest == 1, "-n must be a power of 10")
	start := time.Now()
	c := make(chan int)
	go skyNode(c, 0, n)
	check(<-c == n*(n-1)/2, "wrong sum")
	report("ms", msSince(start))
}

// parked: n goroutines block in a receive, on one channel for all or on one channel each.
func parked(shared bool) {
	n := sizeOr(1000000)
	all := make(chan struct{})
	var chans []chan struct{}
	if !shared {
		chans = make([]chan struct{}, n)
		for i := range chans { // filled, so that it counts as memory from before
			chans[i] = all
		}
	}
	runtime.GC()
	before := memoryBytes()
	var ready, done sync.WaitGroup
	ready.Add(n)
	done.Add(n)
	start := time.Now()
	for i := 0; i < n; i++ {
		c := all
		if !shared {
			c = make(chan struct{})
			chans[i] = c
		}
		go func() {
			ready.Done()
			<-c
			done.Done()
		}()
	}
	ready.Wait()
	report("create_ms", msSince(start))
	time.Sleep(50 * time.Millisecond) // the last ones reach their receive
	report("bytes_each", (memoryBytes()-before)/float64(n))
	start = time.Now()
	if shared {
		close(all)
	}
	for _, c := range chans {
		c <- struct{}{}
	}
	done.Wait()
	report("wake_ms", msSince(start))
}

// sleepers: n goroutines each sleep a pseudo-random 1..1000 ms.
func sleepers() {
	n := sizeOr(1000000)
	start, cpuBefore := time.Now(), cpuSeconds()
	var wg sync.WaitGroup
	wg.Add(n)
	x := uint32(1)
	for i := 0; i < n; i++ {
		x = x*1664525 + 1013904223
		d := time.Duration(1+(x>>8)%1000) * time.Millisecond
		go func() { time.Sleep(d); wg.Done() }()
	}
	wg.Wait()
	report("ms", msSince(start))
	report("cpu_s", cpuSeconds()-cpuBefore)
}

// forks is how many goroutines fib(n) starts: F(n+1)-1.
func forks(n int) int {
	a, b := 0, 1
	for i := 0; i < n; i++ {
		a, b = b, a+b
	}
	return b - 1
}

// fibByChan is the n-th Fibonacci number; it forks fib(n-1) and joins it over a channel of capacity 1.
func fibByChan(n int) int {
	if n < 2 {
		return n
	}
	c := make(chan int, 1)
	go func() { c <- fibByChan(n - 1) }()
	y := fibByChan(n - 2)
	return y + <-c
}

// fibByWaitGroup: the same, joined with a WaitGroup.
func fibByWaitGroup(n int) int {
	if n < 2 {
		return n
	}
	var wg sync.WaitGroup
	x := 0
	wg.Add(1)
	go func() { x = fibByWaitGroup(n - 1); wg.Done() }()
	y := fibByWaitGroup(n - 2)
	wg.Wait()
	return x + y
}

func fib(f func(int) int) {
	n := sizeOr(27)
	check(n <= 45, "-n above 45 would start more than a billion goroutines")
	start := time.Now()
	value := f(n)
	reportPerOp(start, forks(n))
	check(n != 27 || value == 196418, "wrong value")
}
