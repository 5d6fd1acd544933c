/* Maps and settings that the programs share. Sizes that depend on the machine are set by the agent
 * before loading. */
#pragma once
#include "bpf/types.bpf.h"
#include "bpf/unwind.bpf.h"

#include <bpf/bpf_helpers.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

/* A sample is built here: too large for the BPF stack. */
struct scratch {
    struct unwind_state unwind;
    uint32_t n_kernel, n_user;
    uint64_t stack_top; /* of the main thread's stack: nothing above is a frame */
    uint8_t is_behind;  /* the mapping block does not have the newest events */
    uint8_t reserved[7];
    struct event_sample sample;
    struct event_copy copy;
};

/* Bounds how often stacks are copied: per second of the node, and of each process. */
struct copy_budget {
    uint64_t window; /* the second that `count` belongs to */
    uint32_t pid, count;
};
enum { COPY_BUDGETS = 1024, COPY_BUDGET_WHOLE = COPY_BUDGETS };

struct slab_array {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, SLAB_WORDS);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, uint32_t);
    __type(value, uint64_t);
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, SLABS_MAX);
    __type(key, uint32_t);
    __array(values, struct slab_array);
} slabs SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, UNWIND_RULES_MAX);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, uint32_t);
    __type(value, struct unwind_rule);
} rules SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16384);
    __type(key, uint32_t);
    __type(value, struct process_table);
} processes SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16384);
    __type(key, uint32_t);
    __type(value, struct process_state);
} states SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1024 * 1024);
} events SEC(".maps");

/* One for each CPU; too large for a map that is per CPU. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, uint32_t);
    __type(value, struct scratch);
} scratches SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, COPY_BUDGETS + 1);
    __type(key, uint32_t);
    __type(value, struct copy_budget);
} copy_budgets SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, BPF_COUNTERS);
    __type(key, uint32_t);
    __type(value, uint64_t);
} counters SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 1);
    __type(key, uint32_t);
    __type(value, uint32_t);
} next_programs SEC(".maps");

const volatile uint32_t wakeup_bytes = 256 * 1024; /* of waiting data: the agent is woken */
/* Of waiting data: no more stacks are copied, the rest of the ring buffer is for process events and
 * samples. */
const volatile uint32_t copy_waiting_bytes = 512 * 1024;
const volatile uint32_t copy_pages = COPY_STACK_BYTES_MAX / 4096;
const volatile uint32_t copies_per_second = 256;
const volatile uint32_t process_copies_per_second = 128; /* one process does not take all */
const volatile bool with_kernel_stacks = true;
const volatile bool has_task_pt_regs = false;
const volatile bool has_map_events = true; /* else mappings may be new without anyone having said */

volatile uint32_t is_woken = 0; /* the agent is; it takes this back before it reads */

static inline __attribute__((always_inline)) void
count(uint32_t counter)
{
    uint64_t *value = bpf_map_lookup_elem(&counters, &counter);
    if (value)
        *value += 1;
}

static inline __attribute__((always_inline)) struct scratch *
scratch_of_cpu(void)
{
    uint32_t cpu = bpf_get_smp_processor_id();
    return bpf_map_lookup_elem(&scratches, &cpu);
}

/* For what the agent shall know at once. A wake-up costs more than a record, so there is one until
 * the agent begins to read. */
static inline __attribute__((always_inline)) uint64_t
urgent_flags(void)
{
    if (is_woken)
        return BPF_RB_NO_WAKEUP;
    is_woken = 1;
    return BPF_RB_FORCE_WAKEUP;
}

static inline __attribute__((always_inline)) uint64_t
wakeup_flags(void)
{
    return bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > wakeup_bytes ? urgent_flags()
                                                                        : BPF_RB_NO_WAKEUP;
}
