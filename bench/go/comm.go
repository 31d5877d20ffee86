package main

import (
	"sync"
	"time"
)

// pingPong: two goroutines exchange a value over two unbuffered channels.
func pingPong() {
	n := sizeOr(1000000)
	a, b := make(chan int), make(chan int)
	go func() {
		for v := range a {
			b <- v
		}
	}()
	start := time.Now()
	for i := 0; i < n; i++ {
		a <- i
		<-b
	}
	reportPerOp(start, n)
}

// chanSPSC: one sender, one receiver, capacity 128.
func chanSPSC() {
	n := sizeOr(10000000)
	c := make(chan int, 128)
	start := time.Now()
	go func() {
		for i := 0; i < n; i++ {
			c <- i
		}
		close(c)
	}()
	sum := 0
	for v := range c {
		sum += v
	}
	reportPerOp(start, n)
	check(sum == n*(n-1)/2, "wrong sum")
}

// chanMPMC: 4 senders and 4 receivers share one channel.
func chanMPMC(capacity int) {
	n := sizeOr(4000000)
	c := make(chan int, capacity)
	var senders, receivers sync.WaitGroup
	start := time.Now()
	for g := 0; g < 4; g++ {
		senders.Add(1)
		receivers.Add(1)
		go func() {
			for i := 0; i < n/4; i++ {
				c <- i
			}
			senders.Done()
		}()
		go func() {
			sum := 0
			for v := range c {
				sum += v
			}
			receivers.Done()
		}()
	}
	senders.Wait()
	close(c)
	receivers.Wait()
	reportPerOp(start, n)
}

// selectFanin: one receiver selects over 4 channels, each with a sender of its own.
func selectFanin(capacity int) {
	n := sizeOr(2000000)
	var c [4]chan int
	start := time.Now()
	for g := range c {
		c[g] = make(chan int, capacity)
		go func() {
			for i := 0; i < n/4; i++ {
				c[g] <- i
			}
		}()
	}
	sum := 0
	for i := 0; i < n/4*4; i++ {
		select {
		case v := <-c[0]:
			sum += v
		case v := <-c[1]:
			sum += v
		case v := <-c[2]:
			sum += v
		case v := <-c[3]:
			sum += v
		}
	}
	reportPerOp(start, n)
}

// selectTimeout: send to a channel of capacity 1, select on it against a new one-hour timer, stop the timer.
func selectTimeout() {
	n := sizeOr(1000000)
	c := make(chan int, 1)
	start := time.Now()
	for i := 0; i < n; i++ {
		c <- i
		t := time.NewTimer(time.Hour)
		select {
		case <-c:
		case <-t.C:
			panic("fired")
		}
		t.Stop()
	}
	reportPerOp(start, n)
}

// contend calls step n times in each of 8 goroutines and reports the time per call.
func contend(step func(i int)) {
	g, n := countOr(8), sizeOr(1000000)
	var wg sync.WaitGroup
	start := time.Now()
	for k := 0; k < g; k++ {
		wg.Add(1)
		go func() {
			for i := 0; i < n; i++ {
				step(i)
			}
			wg.Done()
		}()
	}
	wg.Wait()
	reportPerOp(start, g*n)
}

// mutex: 8 goroutines lock and unlock one shared Mutex around an increment.
func mutex() {
	var mu sync.Mutex
	x := 0
	contend(func(int) { mu.Lock(); x++; mu.Unlock() })
	check(x == countOr(8)*sizeOr(1000000), "lost increments")
}

// rwmutex: the same with an RWMutex, 99 reads for each write.
func rwmutex() {
	var mu sync.RWMutex
	x := 0
	contend(func(i int) {
		if i%100 == 0 {
			mu.Lock()
			x++
			mu.Unlock()
		} else {
			mu.RLock()
			_ = x
			mu.RUnlock()
		}
	})
}

// ring: a token makes n hops round 1000 goroutines joined by unbuffered channels.
func ring() {
	g, n := countOr(1000), sizeOr(1000000)
	done := make(chan bool, g)
	first := make(chan int)
	in := first
	for i := 0; i < g; i++ {
		out := make(chan int)
		if i == g-1 {
			out = first
		}
		go func(in, out chan int) {
			for v := range in {
				if v == 0 {
					done <- true
					return
				}
				out <- v - 1
			}
		}(in, out)
		in = out
	}
	start := time.Now()
	first <- n
	<-done
	reportPerOp(start, n)
}

// sieve: a chain of filter goroutines, one for each prime, until the 2500th prime.
func sieve() {
	n := sizeOr(2500)
	start := time.Now()
	c := make(chan int)
	go func(c chan int) {
		for i := 2; ; i++ {
			c <- i
		}
	}(c)
	p := 0
	for i := 0; i < n; i++ {
		p = <-c
		next := make(chan int)
		go func(in, out chan int, p int) {
			for {
				if v := <-in; v%p != 0 {
					out <- v
				}
			}
		}(c, next, p)
		c = next
	}
	report("ms", msSince(start))
	check(n != 2500 || p == 22307, "wrong prime")
}
