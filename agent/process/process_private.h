/* What agent/process and agent/sample know of a process beyond the public part. */
#pragma once
#include "agent/process/process.h"
#include "cresset/event.h"

typedef struct {
    Process public; /* first, so that the pointers convert */
    gint references;
    uint64_t mm;       /* the address space by the last event, 0 when not known */
    uint32_t sequence; /* the last event that the mappings have */
    /* An exec makes the new mappings before it is announced; they wait here for the announcement,
     * which names the same address space. */
    uint64_t next_mm;
    GArray *next_mappings;
    bool is_identified;
    bool is_kept;           /* in the table */
    bool is_dirty;          /* the mappings changed after the mapping block was written */
    gint64 read_at_us;      /* when /proc/PID/maps was last read because of an unknown address */
    uint32_t read_again_ms; /* not again before this has passed; grows while nothing is new */
    struct process_table block; /* of the sampler: its mapping block */
} ProcessPrivate;

static inline ProcessPrivate *
process_private(Process *process)
{
    return (ProcessPrivate *)process;
}

/* A process without mappings; one reference. */
Process *process_new(uint32_t pid);
/* Takes over the reference to `mappings`. */
void process_set_mappings(Process *process, GArray *mappings);
/* Reads container id, executable path and, where no event told it, the id in its own namespace;
 * what cannot be read stays as the parent had it. */
void process_identify(Process *process);
/* Reads comm and start time of a process that was running before. */
void process_read_status(Process *process);
