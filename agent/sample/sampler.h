/* The CPU sampler: every process of the node, by BPF programs on a software clock of every CPU.
 *
 * It follows processes and their mappings from kernel events, keeps the unwind tables of their
 * executables in BPF maps, and hands every stack to one callback with its addresses already tied to
 * files. Everything runs on the GMainContext that is the thread default of the caller of
 * sampler_new; only table building uses threads of its own. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/sample/sample.h"

typedef enum {
    SAMPLER_VARIANT_AUTO, /* bpf_loop where the kernel has it (5.17), else tail calls */
    SAMPLER_VARIANT_LOOP,
    SAMPLER_VARIANT_TAIL_CALL,
} SamplerVariant;

typedef struct {
    double rate_hz;             /* per CPU; 0 is 97 */
    SamplerVariant variant;     /* forced by tests and bug hunters */
    uint32_t ring_bytes;        /* power of two; 0 follows the number of CPUs */
    uint32_t copy_bytes;        /* of one copied stack, at most COPY_STACK_BYTES_MAX; 0 is that */
    uint32_t copies_per_second; /* of the whole node, half of it for one process; 0 is 256 a CPU */
    uint32_t batch_ms;          /* samples are handed over at least this often; 0 is 200 */
    uint64_t table_bytes_max;   /* of unwind tables in BPF maps; 0 is 64 MiB */
    bool without_kernel_stacks;
    bool without_map_events; /* as on a kernel that lets no program follow mappings; for tests */
    bool with_statistics; /* BPF run time in the metrics (kernel.bpf_stats_enabled while running) */
} SamplerConfig;

typedef struct Sampler Sampler;

/* Loads and verifies the BPF programs; nothing runs yet. The error says which capability, kernel
 * feature, sysctl or security module is missing. `config` may be NULL. */
Sampler *sampler_new(const SamplerConfig *config, SampleFunc func, void *data, GError **error);

/* Attaches and begins to read /proc for the processes that run already, in steps from the main
 * loop; samples arrive meanwhile. */
bool sampler_start(Sampler *sampler, GError **error);

/* Detaches and hands over what is still queued. Start may follow. */
void sampler_stop(Sampler *sampler);
void sampler_free(Sampler *sampler);

/* Hands over at once what lies in the ring buffer, for the end of a window: as much of it as can be
 * taken in 50 ms, as more may come all the while. */
void sampler_drain(Sampler *sampler);

/* Changes the rate while running; weights stay true because every sample carries its period. */
bool sampler_set_rate(Sampler *sampler, double rate_hz, GError **error);

/* Appends one line per requirement that is not met, with what to do; returns whether sampling can
 * work at all (false) or fully (true, nothing appended) or with what is missing said (true). */
bool sampler_probe(GString *report);

typedef struct {
    uint64_t taken; /* by the BPF program; `samples` of them have been handed over */
    uint64_t samples, copied, lost_records;
    uint64_t stops[64]; /* by enum unwind_stop, of all samples handed over */
    uint32_t processes, executables, tables, tables_pending;
    uint64_t table_bytes, map_bytes; /* in use; memory of all BPF maps */
    uint64_t bpf_ns, bpf_runs;       /* of the sampling program, with_statistics only */
} SamplerCounts;

void sampler_get_counts(Sampler *sampler, SamplerCounts *ret_counts);

/* Appends the metrics cresset_agent_sampler_* in the Prometheus text format. */
void sampler_write_metrics(Sampler *sampler, GString *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Sampler, sampler_free)
