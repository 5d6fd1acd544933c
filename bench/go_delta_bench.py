#!/usr/bin/env python3
"""What deltas of heap profiles of a real Go program cost, which allocates at many places, beside the same
by fastdelta, which other agents use.

Prints one JSON object a line: {"bench", "metric", "value", "unit", "goal"}. Run by `./dev bench`.
"""
import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
FUNCTIONS = 1500
CALLS = [300, 2500, 25000]  # of the program before its first dump; a tenth more follow
HEAD = """package main

import (
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof"
	"runtime"
	"strconv"
)

var kept [64][]byte
var state uint64 = 88172645463325252

func next() uint64 {
	state ^= state << 13
	state ^= state >> 7
	state ^= state << 17
	return state
}

func main() {
	runtime.MemProfileRate = 512
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	http.HandleFunc("/work", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.FormValue("n"))
		for i := 0; i < n; i++ {
			functions[next()%uint64(len(functions))](int(next() % 25))
		}
		runtime.GC()
		runtime.GC()
	})
	panic(http.Serve(listener, nil))
}
"""
FUNCTION = """
//go:noinline
func serviceHandleRequestNumber{number}(depth int) int {{
	kept[next()%64] = make([]byte, {size})
	if depth == 0 {{
		return 1
	}}
	switch next() % 3 {{
	case 0:
		return serviceHandleRequestNumber{first}(depth - 1)
	case 1:
		return serviceHandleRequestNumber{second}(depth-1) + 1
	}}
	return serviceHandleRequestNumber{third}(depth-1) + 2
}}
"""


def go_build(folder, program, **options):
    subprocess.run(["go", "build", "-o", program, "."], cwd=folder, check=True, **options)
    return program


def build_program(folder):
    """A Go program of functions that allocate and call each other, the same every time."""
    choose = random.Random(7)
    parts = [HEAD]
    for i in range(FUNCTIONS):
        callees = [choose.randrange(FUNCTIONS) for _ in range(3)]
        parts.append(FUNCTION.format(number=i, size=16 << choose.randrange(7), first=callees[0], second=callees[1],
                                     third=callees[2]))
    names = "".join(f"\t\tserviceHandleRequestNumber{i},\n" for i in range(FUNCTIONS))
    parts.append("\nvar functions []func(int) int\n\nfunc init() {\n\tfunctions = []func(int) int{\n" + names + "\t}\n}\n")
    with open(os.path.join(folder, "main.go"), "w") as out:
        out.write("".join(parts))
    with open(os.path.join(folder, "go.mod"), "w") as out:
        out.write("module example.org/sites\n\ngo 1.19\n")
    return go_build(folder, os.path.join(folder, "sites"))


def take_dumps(program, folder):
    """Pairs of dumps between which the program has worked."""
    process = subprocess.Popen([program], stdout=subprocess.PIPE, text=True)
    address = process.stdout.readline().strip()
    pairs = []
    try:
        for calls in CALLS:
            pair = []
            for name, n in (("before", calls), ("after", calls // 10)):
                request = urllib.request.Request(f"http://{address}/work?n={n}", method="POST")
                urllib.request.urlopen(request, timeout=300).close()
                with urllib.request.urlopen(f"http://{address}/debug/pprof/allocs", timeout=60) as reply:
                    data = reply.read()
                label = f"Go heap of {len(data) // 1000} kB" if name == "after" else f"{name} {calls}"
                pair.append(os.path.join(folder, label))
                with open(pair[-1], "wb") as out:
                    out.write(data)
            pairs.append(pair)
    finally:
        process.kill()
        process.wait()
    return pairs


def build_fastdelta(folder):
    """None where its modules cannot be fetched."""
    try:
        return go_build(os.path.join(HERE, "fastdelta"), os.path.join(folder, "fastdelta"), stderr=subprocess.PIPE)
    except subprocess.CalledProcessError as error:
        print(f"no fastdelta: {error.stderr.decode().strip()}", file=sys.stderr)
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bench")
    ours = os.path.join(parser.parse_args().bin, "delta_bench")
    if shutil.which("go") is None:
        print("go_delta_bench: no Go toolchain on the PATH", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as folder:
        programs = [program for program in (ours, build_fastdelta(folder)) if program is not None]
        for pair in take_dumps(build_program(folder), folder):
            for program in programs:
                subprocess.run([program] + pair, check=True)


if __name__ == "__main__":
    main()
