/* The programs of the sampler. The unwinding loop comes in two shapes of one step function:
 * bpf_loop, verified once and as deep as we like, for Linux 5.17 and later, and a chain of tail
 * calls for 5.10 to 5.16. The agent loads one of them. */
#include "bpf/maps.bpf.h"

#include "bpf/oncpu.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* How unwind.bpf.h reaches memory. */
UNWIND_INLINE long
unwind_memory(struct unwind_state *state, uint64_t address, void *to, uint32_t size)
{
    return bpf_probe_read_user(to, size, (const void *)address);
}

UNWIND_INLINE void *
unwind_slab(struct unwind_state *state, uint32_t number)
{
    return bpf_map_lookup_elem(&slabs, &number);
}

UNWIND_INLINE const uint64_t *
unwind_word(void *slab, uint32_t index)
{
    return bpf_map_lookup_elem(slab, &index);
}

UNWIND_INLINE const struct unwind_rule *
unwind_rule(struct unwind_state *state, uint32_t index)
{
    return bpf_map_lookup_elem(&rules, &index);
}
struct loop_context {
    struct scratch *scratch;
};

static long
loop_step(uint32_t index, void *data)
{
    struct loop_context *loop = data;
    return add_frame(loop->scratch);
}

SEC("perf_event")
int
sample_by_loop(struct bpf_perf_event_data *ctx)
{
    struct loop_context loop = {.scratch = begin(ctx)};
    if (!loop.scratch)
        return 0;
    if (loop.scratch->unwind.stop == UNWIND_RUNNING)
        bpf_loop(SAMPLE_USER_FRAMES_MAX + 1, loop_step, &loop, 0);
    return finish(loop.scratch);
}

/* Only sets up: with frames of its own it would take the verifier many times as long. */
SEC("perf_event")
int
sample_by_tail_call(struct bpf_perf_event_data *ctx)
{
    struct scratch *scratch = begin(ctx);
    if (!scratch)
        return 0;
    if (scratch->unwind.stop == UNWIND_RUNNING) {
        bpf_tail_call(ctx, &next_programs, 0);
        scratch->unwind.stop = UNWIND_STOP_INTERNAL; /* the map of programs is empty */
    }
    return finish(scratch);
}

SEC("perf_event")
int
sample_next(struct bpf_perf_event_data *ctx)
{
    struct scratch *scratch = scratch_of_cpu();
    if (!scratch)
        return 0;
    for (int i = 0; i < TAIL_FRAMES; i++) {
        if (add_frame(scratch))
            break;
    }
    if (scratch->unwind.stop == UNWIND_RUNNING) {
        bpf_tail_call(ctx, &next_programs, 0);
        scratch->unwind.stop = UNWIND_STOP_DEPTH; /* that was the last call */
    }
    return finish(scratch);
}
