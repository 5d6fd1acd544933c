// A Go program for the tests of the pclntab reader and of unwinding.
//
//	fixture lines START END STEP   what the runtime says about every STEP-th address
//	fixture spin SECONDS           a known call tree with a frameless leaf, on the main thread
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

//go:noinline
func leaf(n int) int {
	s := 0
	for i := 0; i < n; i++ {
		s += i ^ (s << 1)
	}
	return s
}

func inlined(n int) int {
	return leaf(n) + 1
}

//go:noinline
func middle(n int) int {
	return inlined(n) * 3
}

func parse(text string) uintptr {
	value, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		panic(err)
	}
	return uintptr(value)
}

func lines(start, end, step uintptr) {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for pc := start; pc < end; pc += step {
		// CallersFrames wants return addresses, and takes the first address of a function as is.
		function, next := runtime.FuncForPC(pc), runtime.FuncForPC(pc+1)
		if function == nil || next == nil || next.Entry() == pc+1 {
			continue
		}
		frame, _ := runtime.CallersFrames([]uintptr{pc + 1}).Next()
		fmt.Fprintf(out, "%#x\t%s\t%s\t%d\n", pc, frame.Function, frame.File, frame.Line)
	}
}

//go:noinline
func spin(duration time.Duration) int {
	total := 0
	for end := time.Now().Add(duration); time.Now().Before(end); {
		total += middle(1000)
	}
	return total
}

// Locked during init, main runs on the process's main thread, which debuggers trace.
func init() {
	runtime.LockOSThread()
}

func main() {
	if len(os.Args) == 5 && os.Args[1] == "lines" {
		lines(parse(os.Args[2]), parse(os.Args[3]), parse(os.Args[4]))
		return
	}
	if len(os.Args) == 3 && os.Args[1] == "spin" {
		seconds, _ := strconv.ParseFloat(os.Args[2], 64)
		text, _ := json.Marshal(spin(time.Duration(seconds * 1e9)))
		fmt.Println(string(text))
		return
	}
	fmt.Fprintln(os.Stderr, "usage: fixture lines START END STEP | fixture spin SECONDS")
	os.Exit(2)
}
