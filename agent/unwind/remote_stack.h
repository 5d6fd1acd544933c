/* Unwinds copied registers and a copied piece of stack in user space, without the process: by
 * libunwind's remote interface where there is .eh_frame, with every register and every DWARF
 * expression; by our own tables where there is none (Go, .debug_frame, linkage tables); by frame
 * pointers in memory that belongs to no file. Memory is the copied stack, and what the mapped
 * files hold in segments that a process cannot have changed.
 *
 * Slower than the tables (some µs per frame), so it is for the stacks that they cannot express. A
 * stack costs a bounded time whatever the files contain. One thread at a time. */
#pragma once
#include <glib.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/process/process.h"
#include "cresset/event.h"

typedef struct {
    uint64_t registers[UNWIND_REGISTERS];
    uint64_t stack_address; /* of stack[0]; at or below the stack pointer */
    const uint8_t *stack;
    size_t stack_size;
    const Mapping *mappings; /* the executable ones, sorted by start, not overlapping */
    size_t n_mappings;
} RemoteStack;

typedef struct RemoteUnwinder RemoteUnwinder;

RemoteUnwinder *remote_unwinder_new(void);
void remote_unwinder_free(RemoteUnwinder *unwinder);

/* Fills `ret_frames` with up to `max_frames` addresses, the leaf first, with SAMPLE_EXACT set in
 * those that are not return addresses, and returns why the stack ended: UNWIND_STOP_ROOT when it
 * is whole, UNWIND_STOP_DEPTH when there would be more, UNWIND_STOP_COPY_LIMIT when it goes on
 * behind the copied bytes. Borrows everything during the call. */
enum unwind_stop remote_unwinder_run(RemoteUnwinder *unwinder, const RemoteStack *stack,
                                     uint64_t *ret_frames, size_t max_frames, size_t *ret_n_frames);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(RemoteUnwinder, remote_unwinder_free)
