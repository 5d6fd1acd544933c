/* What was sampled in one window, per process: stacks as addresses, counted, without any text.
 *
 * Equal frames of a process are kept once and equal stacks are added up, so memory follows what is
 * different, not how often it was seen: about 16 bytes per frame of code and 4 bytes per frame of a
 * stack. Filled and sealed on the loop thread; from then on it belongs to whoever holds it. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/sample/sample.h"

typedef struct {
    uint64_t address;       /* to be looked up: of a return address, 1 less */
    Executable *executable; /* a reference, or NULL */
    FrameKind kind;
} WindowFrame;

typedef struct {
    uint32_t first, n;  /* in WindowProcess.stack_frames, the leaf first */
    uint8_t cut_reason; /* enum unwind_stop when the root was not reached, else 0 */
    uint32_t hash;
    int64_t value_ns;
} WindowStack;

/* One process as it was when the window ended; independent of the Process by then. */
typedef struct {
    uint32_t pid, namespace_pid;
    char comm[17];
    char *executable_path; /* or NULL */
    Cgroup cgroup;
    bool is_kernel_thread;
    GArray *frames;       /* WindowFrame, all different */
    GArray *stacks;       /* WindowStack, all different */
    GArray *stack_frames; /* uint32_t, positions in frames */
    uint64_t n_samples;
    Process *process; /* until sealed */
    uint32_t *frame_slots, *stack_slots;
    uint32_t n_frame_slots, n_stack_slots;
} WindowProcess;

typedef struct {
    int64_t start_ns, end_ns; /* CLOCK_REALTIME */
    GPtrArray *processes;     /* WindowProcess */
    GHashTable *by_process;   /* Process → WindowProcess, until sealed */
    WindowProcess *last;      /* of the latest sample: they come in runs */
    size_t bytes;             /* about what it holds */
    uint64_t n_samples;
} Window;

Window *window_new(int64_t start_ns);
void window_free(Window *window);

/* Adds a sample. Loop thread only. */
void window_add(Window *window, const Sample *sample);
/* Ends the window: lets go of the processes, keeping what they were. Loop thread only. */
void window_seal(Window *window, int64_t end_ns);

/* "no rule for this address" and the like: why a stack was cut, as the label of enum unwind_stop.
 */
const char *window_cut_reason(uint8_t reason);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Window, window_free)
