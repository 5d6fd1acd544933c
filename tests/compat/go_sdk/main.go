// Program go_sdk profiles itself with the Go SDK: go_sdk http://127.0.0.1:4040 TENANT SECONDS, of CPU time
package main

import (
	"context"
	"log"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/grafana/pyroscope-go"
)

var kept [][]byte

// cpuTime is what this process has used.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

//go:noinline
func findPrimes(cpu time.Duration) (n int) {
	end := cpuTime() + cpu
	for i := 2; cpuTime() < end; i++ {
		prime := true
		for j := 2; j < 20000; j++ {
			if i%j == 0 && i != j {
				prime = false
			}
		}
		if prime {
			n++
		}
	}
	return n
}

//go:noinline
func handleCheckout(cpu time.Duration) { findPrimes(cpu) }

//go:noinline
func handleSearch(cpu time.Duration) { findPrimes(cpu) }

//go:noinline
func allocateBuffers() {
	for range 64 {
		kept = append(kept, make([]byte, 1<<20))
	}
}

//go:noinline
func holdLock(mutex *sync.Mutex) {
	mutex.Lock()
	time.Sleep(20 * time.Millisecond)
	mutex.Unlock()
}

func contend() {
	var mutex sync.Mutex
	var group sync.WaitGroup
	for range 4 {
		group.Add(1)
		go func() {
			defer group.Done()
			for range 5 {
				holdLock(&mutex)
			}
		}()
	}
	group.Wait()
}

type logger struct{}

func (logger) Infof(string, ...any)              {}
func (logger) Debugf(string, ...any)             {}
func (logger) Errorf(format string, args ...any) { log.Printf(format, args...) }

func main() {
	seconds, err := strconv.Atoi(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	runtime.SetMutexProfileFraction(1)
	runtime.SetBlockProfileRate(1)
	profiler, err := pyroscope.Start(pyroscope.Config{
		ApplicationName: "shop.backend", ServerAddress: os.Args[1], TenantID: os.Args[2], UploadRate: time.Second,
		Tags: map[string]string{"region": "east", "host.name": "node-1"}, Logger: logger{},
		ProfileTypes: []pyroscope.ProfileType{
			pyroscope.ProfileCPU, pyroscope.ProfileAllocObjects, pyroscope.ProfileAllocSpace, pyroscope.ProfileInuseObjects,
			pyroscope.ProfileInuseSpace, pyroscope.ProfileGoroutines, pyroscope.ProfileMutexCount,
			pyroscope.ProfileMutexDuration, pyroscope.ProfileBlockCount, pyroscope.ProfileBlockDuration,
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	allocateBuffers()
	contend()
	half := time.Duration(seconds) * time.Second / 2
	pyroscope.TagWrapper(context.Background(), pyroscope.Labels("controller", "checkout", "span_id", "00f067aa0ba902b7"),
		func(context.Context) { handleCheckout(half) })
	pyroscope.TagWrapper(context.Background(), pyroscope.Labels("controller", "search"),
		func(context.Context) { handleSearch(half) })
	if err := profiler.Stop(); err != nil {
		log.Fatal(err)
	}
	runtime.KeepAlive(kept)
}
