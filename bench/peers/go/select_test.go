// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"testing"
	"time"
)

// produce starts a goroutine for each channel; together they send at least n messages, and end when over is closed.
func produce(channels []chan int, n int, over chan struct{}) {
	each := n/len(channels) + 1
	for _, c := range channels {
		go func(c chan int) {
			for i := 0; i < each; i++ {
				c <- i
			}
			<-over
		}(c)
	}
}

func selectAmong2(b *testing.B, capacity int) {
	c := []chan int{make(chan int, capacity), make(chan int, capacity)}
	over := make(chan struct{})
	total := 2 * (b.N/2 + 1)
	produce(c, b.N, over)
	for i := 0; i < total; i++ {
		select {
		case <-c[0]:
		case <-c[1]:
		}
	}
	close(over)
}

func selectAmong8(b *testing.B, capacity int) {
	c := make([]chan int, 8)
	for i := range c {
		c[i] = make(chan int, capacity)
	}
	over := make(chan struct{})
	total := 8 * (b.N/8 + 1)
	produce(c, b.N, over)
	for i := 0; i < total; i++ {
		select {
		case <-c[0]:
		case <-c[1]:
		case <-c[2]:
		case <-c[3]:
		case <-c[4]:
		case <-c[5]:
		case <-c[6]:
		case <-c[7]:
		}
	}
	close(over)
}

func BenchmarkSelect2Blocking(b *testing.B) { selectAmong2(b, 0) }
func BenchmarkSelect8Blocking(b *testing.B) { selectAmong8(b, 0) }
func BenchmarkSelect2Buffered(b *testing.B) { selectAmong2(b, 128) }
func BenchmarkSelect8Buffered(b *testing.B) { selectAmong8(b, 128) }

// Both channels hold messages at every select; filling them up again is not timed.
func BenchmarkSelect2Ready(b *testing.B) {
	const room, batch = 128, 128
	c0, c1 := make(chan int, room), make(chan int, room)
	var spent time.Duration
	done := 0
	for done < b.N {
		for len(c0) < room {
			c0 <- 0
		}
		for len(c1) < room {
			c1 <- 1
		}
		at := time.Now()
		for i := 0; i < batch; i++ {
			select {
			case <-c0:
			case <-c1:
			}
		}
		spent += time.Since(at)
		done += batch
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(done), "ns/op")
}

func BenchmarkSelectDefault(b *testing.B) {
	c := make(chan int)
	misses := 0
	for i := 0; i < b.N; i++ {
		select {
		case <-c:
		default:
			misses++
		}
	}
	if misses != b.N {
		b.Fatal("something was received")
	}
}
