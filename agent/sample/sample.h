/* What the sampler hands to the aggregator: one stack, every frame already tied to the file it lies
 * in, because the mapping may be gone by the time the window ends. Borrowed during the call. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "agent/process/process.h"

typedef enum {
    FRAME_KERNEL, /* address is a kernel address */
    FRAME_FILE,   /* address is a virtual address of `executable`'s ELF file (not the process) */
    FRAME_ANON, /* address is one of the process, in no file: JIT code, looked up in perf-PID.map */
} FrameKind;

typedef struct {
    FrameKind kind;
    bool is_return_address; /* look up address - 1: every frame but the innermost and those above a
                               signal frame */
    Executable *executable; /* FRAME_FILE only; borrowed */
    uint64_t address;
} Frame;

typedef struct {
    Process *process; /* borrowed; see process.h for pid, comm, container */
    uint32_t thread_id;
    uint64_t time_ns;    /* CLOCK_REALTIME */
    uint64_t period_ns;  /* CPU time that the sample stands for */
    const Frame *frames; /* the leaf first: kernel frames, then user frames */
    uint32_t n_frames;
    bool is_cut;         /* the root was not reached; the aggregator marks the stack */
    uint8_t stop_reason; /* enum unwind_stop of include/cresset/event.h */
} Sample;

typedef void (*SampleFunc)(const Sample *sample, void *data);
