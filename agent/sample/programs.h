/* The BPF programs of the sampler: loaded in the variant that the kernel can run, attached to the
 * process tracepoints and to a clock of every CPU. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/sample/sampler.h"

typedef struct Programs Programs;

/* How changes of mappings are followed. */
typedef enum {
    MAP_SOURCE_TREE,     /* the tracepoint of the mapping tree, Linux 6.1 */
    MAP_SOURCE_FUNCTION, /* fentry on the kernel's functions */
    MAP_SOURCE_NONE,     /* unknown addresses make the agent read /proc/PID/maps */
} MapSource;

Programs *programs_load(const SamplerConfig *config, GError **error);
void programs_free(Programs *programs);

/* Attaches the process programs, then opens the clocks. */
bool programs_attach(Programs *programs, double rate_hz, GError **error);
void programs_detach(Programs *programs);
bool programs_set_rate(Programs *programs, double rate_hz, GError **error);
/* Follows CPUs that went on or off line, and gives every clock a new period near the rate's, so
 * that samples do not fall in step with periodic work. Called every few seconds. */
void programs_adjust_clocks(Programs *programs);

/* Before the ring buffer is read: whatever comes from now on wakes the agent again. */
void programs_begin_reading(Programs *programs);

int programs_slabs_fd(const Programs *programs);
int programs_rules_fd(const Programs *programs);
int programs_events_fd(const Programs *programs);
int programs_processes_fd(const Programs *programs);
int programs_states_fd(const Programs *programs);

bool programs_is_loop(const Programs *programs);
MapSource programs_map_source(const Programs *programs);
/* Sums counter `counter` (enum bpf_counter) over the CPUs. */
uint64_t programs_counter(const Programs *programs, uint32_t counter);
/* Kernel memory of the maps, slabs not counted; BPF run time of the sampling programs. */
uint64_t programs_map_bytes(const Programs *programs);
void programs_run_time(const Programs *programs, uint64_t *ret_ns, uint64_t *ret_runs);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Programs, programs_free)
