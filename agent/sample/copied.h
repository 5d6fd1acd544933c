/* Unwinding of a copied stack in user space with the mappings that the process had when it was
 * copied: by the same step as in BPF, and by libunwind where the tables cannot express a rule. */
#pragma once
#include <glib.h>

#include "agent/sample/slab_store.h"
#include "agent/sample/table_store.h"
#include "agent/unwind/remote_stack.h"
#include "cresset/event.h"

typedef struct {
    const struct event_copy *copy;
    const GArray *mappings; /* Mapping */
    SlabStore *slabs;
    TableStore *tables;
    RemoteUnwinder *unwinder;
    uint64_t frames[SAMPLE_USER_FRAMES_MAX]; /* out: as in struct event_sample */
    uint32_t n_frames;
} CopiedStack;

/* Fills in frames. UNWIND_STOP_PENDING means that a table is being built: try again when it is
 * ready. UNWIND_STOP_COMPLEX and the like mean what they mean in BPF. */
enum unwind_stop copied_stack_unwind(CopiedStack *stack);
