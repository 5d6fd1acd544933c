/* One process of the node. Reference-counted: a window keeps the processes it has samples of, also
 * after they have exited. Loop thread only. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/process/cgroup.h"
#include "agent/process/executable.h"

typedef struct {
    uint64_t start, end;    /* addresses of the process, [start, end) */
    uint64_t bias;          /* address of the process - bias = virtual address in the ELF file */
    Executable *executable; /* NULL: anonymous executable memory (JIT) */
} Mapping;

typedef struct Process {
    uint32_t pid;           /* in the agent's PID namespace (the host's) */
    uint32_t namespace_pid; /* in its own innermost PID namespace */
    uint64_t start_time_ns; /* CLOCK_BOOTTIME */
    char comm[16];
    char *executable_path; /* /proc/PID/exe, or NULL for a kernel thread */
    Cgroup cgroup;
    bool is_kernel_thread, has_exited;
    GArray *mappings; /* Mapping, sorted by start */
} Process;

Process *process_ref(Process *process);
void process_unref(Process *process);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Process, process_unref)
