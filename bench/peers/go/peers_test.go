// SPDX-License-Identifier: Apache-2.0

// Package peers holds the Go half of the comparison: each benchmark does what the one of the same name in ../taut does, with
// as many goroutines, channels and messages. The number of workers comes from -test.cpu, which sets GOMAXPROCS. A benchmark
// counts operations in b.N: a message, a spawned goroutine, a lock and unlock.
package peers

import (
	"runtime"
	"sync"
	"testing"
	"time"
)

// together runs f in n goroutines and returns when all have.
func together(n int, f func(i int)) {
	var group sync.WaitGroup
	group.Add(n)
	for i := 0; i < n; i++ {
		go func(i int) {
			f(i)
			group.Done()
		}(i)
	}
	group.Wait()
}

func yieldAmong(b *testing.B, goroutines int) {
	each := b.N/goroutines + 1
	together(goroutines, func(int) {
		for i := 0; i < each; i++ {
			runtime.Gosched()
		}
	})
}

func BenchmarkYield2(b *testing.B) { yieldAmong(b, 2) }
func BenchmarkYield8(b *testing.B) { yieldAmong(b, 8) }

func BenchmarkSpawnBatch(b *testing.B) {
	const batch = 1000
	var group sync.WaitGroup
	for left := b.N; left > 0; left -= batch {
		group.Add(batch)
		for i := 0; i < batch; i++ {
			go group.Done()
		}
		group.Wait()
	}
}

func BenchmarkSpawnOne(b *testing.B) {
	var group sync.WaitGroup
	for i := 0; i < b.N; i++ {
		group.Add(1)
		go group.Done()
		group.Wait()
	}
}

func sendAndAnswer(b *testing.B, stay func()) {
	ping, pong := make(chan int), make(chan int)
	go func() {
		stay()
		for v := range ping {
			pong <- v
		}
		close(pong)
	}()
	stay()
	for i := 0; i < b.N; i += 2 {
		ping <- i
		<-pong
	}
	close(ping)
	<-pong
}

func BenchmarkPingPong(b *testing.B) { sendAndAnswer(b, func() {}) }

func BenchmarkPingPongPinned(b *testing.B) { sendAndAnswer(b, runtime.LockOSThread) }

func BenchmarkSpsc(b *testing.B) {
	messages := make(chan int, 128)
	go func() {
		for i := 0; i < b.N; i++ {
			messages <- i
		}
	}()
	for i := 0; i < b.N; i++ {
		<-messages
	}
}

func BenchmarkMpmc(b *testing.B) {
	messages := make(chan int, 128)
	each := b.N/4 + 1
	together(8, func(i int) {
		for n := 0; n < each; n++ {
			if i < 4 {
				messages <- n
			} else {
				<-messages
			}
		}
	})
}

func BenchmarkMutex(b *testing.B) {
	var m sync.Mutex
	for i := 0; i < b.N; i++ {
		m.Lock()
		m.Unlock()
	}
}

func BenchmarkMutex8(b *testing.B) {
	var m sync.Mutex
	count := 0
	each := b.N/8 + 1
	together(8, func(int) {
		for i := 0; i < each; i++ {
			m.Lock()
			count++
			m.Unlock()
		}
	})
	if count != 8*each {
		b.Fatal("the mutex does not exclude")
	}
}

func BenchmarkTimer(b *testing.B) {
	for i := 0; i < b.N; i++ {
		time.NewTimer(time.Hour).Stop()
	}
}

func skynet(answer chan<- int, number, leaves int) {
	if leaves == 1 {
		answer <- number
		return
	}
	children := make(chan int)
	for i := 0; i < 10; i++ {
		go skynet(children, number+i*(leaves/10), leaves/10)
	}
	sum := 0
	for i := 0; i < 10; i++ {
		sum += <-children
	}
	answer <- sum
}

func BenchmarkSkynet(b *testing.B) {
	const leaves = 1000000
	answer := make(chan int)
	once := func() {
		go skynet(answer, 0, leaves)
		if <-answer != leaves*(leaves-1)/2 {
			b.Fatal("skynet: wrong sum")
		}
	}
	once() // the first is slower everywhere: memory comes from the system
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		once()
	}
}
