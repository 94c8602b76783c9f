// SPDX-License-Identifier: Apache-2.0

// parked measures what many waiting goroutines cost; ../../taut/parked.cc is its twin.
//
//	parked park COUNT     COUNT goroutines wait on one channel: memory and time for each
//	parked sleep COUNT    COUNT goroutines sleep 0 to 500 ms: CPU time for each, and how late the last is
//	parked idle COUNT     COUNT goroutines wait for three seconds: CPU time used meanwhile
//
// GOMAXPROCS says how many workers there are. Prints one JSON object.
package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func rss() int {
	text, _ := os.ReadFile("/proc/self/statm")
	pages, _ := strconv.Atoi(string(bytes.Fields(text)[1]))
	return pages * os.Getpagesize()
}

func maps() int {
	text, _ := os.ReadFile("/proc/self/maps")
	return bytes.Count(text, []byte("\n"))
}

func cpu() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

type crowd struct {
	gate  chan int
	group sync.WaitGroup
}

// gather starts n goroutines and returns when each has reached the gate.
func gather(n int) *crowd {
	c := &crowd{gate: make(chan int)}
	c.group.Add(n)
	var arrived int64
	for i := 0; i < n; i++ {
		go func() {
			atomic.AddInt64(&arrived, 1)
			<-c.gate
			c.group.Done()
		}()
	}
	for atomic.LoadInt64(&arrived) < int64(n) {
		runtime.Gosched()
	}
	return c
}

func (c *crowd) leave() {
	close(c.gate)
	c.group.Wait()
}

func park(n int) {
	before := rss()
	at := time.Now()
	c := gather(n)
	created := time.Since(at)
	bytes, regions := rss()-before, maps()
	at = time.Now()
	c.leave()
	woken := time.Since(at)
	each := func(x float64) float64 { return x / float64(n) }
	fmt.Printf(`{"bytes": %.1f, "create_ns": %.1f, "wake_ns": %.1f, "maps": %d}`+"\n", each(float64(bytes)),
		each(float64(created)), each(float64(woken)), regions)
}

func sleep(n int) {
	const longest = 500 * time.Millisecond
	used, at := cpu(), time.Now()
	var group sync.WaitGroup
	group.Add(n)
	random := uint32(1)
	for i := 0; i < n; i++ {
		random = random*1664525 + 1013904223
		pause := longest * time.Duration(random>>12) >> 20
		go func() {
			time.Sleep(pause)
			group.Done()
		}()
	}
	group.Wait()
	fmt.Printf(`{"cpu_ns": %.1f, "late_ms": %.2f}`+"\n", float64(cpu()-used)/float64(n),
		float64(time.Since(at)-longest)/1e6)
}

func idle(n int) {
	c := gather(n)
	time.Sleep(200 * time.Millisecond)
	used, at := cpu(), time.Now()
	time.Sleep(3 * time.Second)
	fmt.Printf(`{"cpu_us_per_s": %.1f}`+"\n", float64(cpu()-used)/1e3/time.Since(at).Seconds())
	c.leave()
}

func main() {
	modes := map[string]func(int){"park": park, "sleep": sleep, "idle": idle}
	if len(os.Args) == 3 && modes[os.Args[1]] != nil {
		if n, err := strconv.Atoi(os.Args[2]); err == nil && n > 0 {
			modes[os.Args[1]](n)
			return
		}
	}
	fmt.Fprintln(os.Stderr, "usage: parked park|sleep|idle COUNT")
	os.Exit(2)
}
