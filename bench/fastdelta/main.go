// The same deltas as those of delta_bench by fastdelta, for comparison: fastdelta BEFORE AFTER (heap
// profiles, gzip) prints rows of benchmarks. The package is internal to its module, so that only a
// module named like a part of that one may import it.
package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"gopkg.in/DataDog/dd-trace-go.v1/profiler/internal/fastdelta"
	"gopkg.in/DataDog/dd-trace-go.v1/profiler/internal/pprofutils"
)

const runs = 20

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func inflate(packed []byte) []byte {
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	check(err)
	plain, err := io.ReadAll(reader)
	check(err)
	return plain
}

// CPU time of the process, the garbage collector included.
func cpu() time.Duration {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func emit(what, name string, value float64, unit string) {
	fmt.Printf("{\"bench\":\"delta\",\"metric\":\"fastdelta: %s, %s\",\"value\":%.2f,\"unit\":\"%s\",\"goal\":\"\"}\n",
		what, name, value, unit)
}

func main() {
	before, err := os.ReadFile(os.Args[1])
	check(err)
	after, err := os.ReadFile(os.Args[2])
	check(err)
	name := filepath.Base(os.Args[2])
	computer := fastdelta.NewDeltaComputer(
		pprofutils.ValueType{Type: "alloc_objects", Unit: "count"},
		pprofutils.ValueType{Type: "alloc_space", Unit: "bytes"})
	var out bytes.Buffer
	check(computer.Delta(inflate(before), &out))
	start := cpu()
	for i := 0; i < runs; i++ {
		out.Reset()
		check(computer.Delta(inflate([][]byte{after, before}[i%2]), &out))
	}
	emit("CPU", name, float64((cpu()-start).Microseconds())/1e3/runs, "ms/profile")
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	emit("kept", name, float64(memory.HeapAlloc)/1e6, "MB")
	runtime.KeepAlive(computer)
}
