// SPDX-License-Identifier: Apache-2.0

// A service whose goroutines are stuck in every way that a dump can show. It prints the address it
// serves /debug/pprof/ on and, on /grow?n=N, leaks N more goroutines at one place.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"runtime"
	runtimepprof "runtime/pprof"
	"strconv"
	"sync"
	"time"
)

var (
	heldByGlobal = make(chan int)
	mutex        sync.Mutex
	nothing      chan int
)

//go:noinline
func sendNobodyReceives(c chan int) { c <- 1 }

//go:noinline
func receiveNobodySends(c chan int) { <-c }

//go:noinline
func receiveFromGlobal() { <-heldByGlobal }

//go:noinline
func selectOfTwo(a, b chan int) {
	select {
	case <-a:
	case b <- 1:
	}
}

//go:noinline
func receiveNil() { <-nothing }

//go:noinline
func selectNothing() { select {} }

//go:noinline
func lockTwice() { mutex.Lock() }

//go:noinline
func waitForNobody(w *sync.WaitGroup) { w.Wait() }

//go:noinline
func signalNeverComes(c *sync.Cond) {
	c.L.Lock()
	c.Wait()
}

//go:noinline
func deep(n int, c chan int) {
	if n == 0 {
		<-c
		return
	}
	deep(n-1, c)
	runtime.KeepAlive(n)
}

func grow(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.URL.Query().Get("n"))
	for i := 0; i < n; i++ {
		go sendNobodyReceives(make(chan int))
	}
	fmt.Fprintln(w, n)
}

func protected(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer secret" {
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	http.StripPrefix("/protected", http.DefaultServeMux).ServeHTTP(w, r)
}

func main() {
	for i := 0; i < 20; i++ {
		go sendNobodyReceives(make(chan int))
	}
	for i := 0; i < 3; i++ {
		go receiveNobodySends(make(chan int))
	}
	for i := 0; i < 60; i++ {
		go receiveFromGlobal()
	}
	go selectOfTwo(make(chan int), make(chan int))
	go receiveNil()
	go selectNothing()
	mutex.Lock()
	go lockTwice()
	var w sync.WaitGroup
	w.Add(1)
	go waitForNobody(&w)
	go signalNeverComes(sync.NewCond(new(sync.Mutex)))
	go deep(130, make(chan int))
	go func() {
		runtime.LockOSThread()
		receiveNobodySends(make(chan int))
	}()
	labels := runtimepprof.Labels("tenant", "acme", "request", "a b")
	runtimepprof.Do(context.Background(), labels, func(context.Context) {
		go receiveNobodySends(make(chan int))
	})
	go time.Sleep(time.Hour)

	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/grow", grow)
	mux.HandleFunc("/protected/", protected)
	mux.HandleFunc("/gc", func(w http.ResponseWriter, r *http.Request) { runtime.GC() })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(listener.Addr())
	if err := http.Serve(listener, mux); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}
