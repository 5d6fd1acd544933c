/* Takes a sample of what runs on this CPU: kernel stack, user stack by the tables, or a copy of the
 * user stack where the tables cannot tell. */
#pragma once
#include "bpf/process.bpf.h"

enum {
    TAIL_FRAMES = 8, /* frames for each tail call; 32 calls follow the first program */
    USER_CS = 0x33,  /* code segment of 64-bit user code */
};

static inline __attribute__((always_inline)) void
set_registers(struct unwind_state *state, const struct pt_regs *regs)
{
    state->registers[UNWIND_RAX] = regs->rax;
    state->registers[UNWIND_RDX] = regs->rdx;
    state->registers[UNWIND_RCX] = regs->rcx;
    state->registers[UNWIND_RBX] = regs->rbx;
    state->registers[UNWIND_RSI] = regs->rsi;
    state->registers[UNWIND_RDI] = regs->rdi;
    state->registers[UNWIND_RBP] = regs->rbp;
    state->registers[UNWIND_RSP] = regs->rsp;
    state->registers[UNWIND_R8] = regs->r8;
    state->registers[UNWIND_R9] = regs->r9;
    state->registers[UNWIND_R10] = regs->r10;
    state->registers[UNWIND_R11] = regs->r11;
    state->registers[UNWIND_R12] = regs->r12;
    state->registers[UNWIND_R13] = regs->r13;
    state->registers[UNWIND_R14] = regs->r14;
    state->registers[UNWIND_R15] = regs->r15;
    state->registers[UNWIND_RIP] = regs->rip;
}

/* Finds the registers with which the task left user mode. Returns the code segment, 0 when the task
 * has no user stack. */
static inline __attribute__((always_inline)) uint64_t
user_registers(struct bpf_perf_event_data *ctx, struct task_struct *task,
               struct unwind_state *state)
{
    uint64_t cs = ctx->regs.cs;
    if ((cs & 3) == 3) {
        set_registers(state, &ctx->regs);
        return cs;
    }
    void *from;
    if (has_task_pt_regs)
        from = (void *)bpf_task_pt_regs((void *)bpf_get_current_task_btf());
    else
        from = BPF_CORE_READ(task, stack) + 4 * 4096 - sizeof(struct pt_regs);
    struct pt_regs regs;
    if (bpf_probe_read_kernel(&regs, sizeof regs, from))
        return 0;
    set_registers(state, &regs);
    return regs.rip == 0 || regs.rsp == 0 ? 0 : regs.cs;
}

/* Sets up the unwinding of the user stack, or the reason not to. */
static inline __attribute__((always_inline)) uint8_t
begin_user(struct bpf_perf_event_data *ctx, struct scratch *scratch, uint32_t pid)
{
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    struct mm_struct *mm = BPF_CORE_READ(task, mm);
    if (!mm)
        return UNWIND_STOP_NO_USER;
    scratch->stack_top = BPF_CORE_READ(mm, start_stack);
    struct unwind_state *state = &scratch->unwind;
    uint64_t cs = user_registers(ctx, task, state);
    if (cs == 0)
        return UNWIND_STOP_NO_USER;
    if (cs != USER_CS)
        return UNWIND_STOP_UNSUPPORTED;
    __builtin_memcpy(scratch->copy.registers, state->registers, sizeof state->registers);
    state->start = state->end = 0;
    state->is_exact = state->has_registers = state->has_frame_pointer = 1;
    struct process_table *table = bpf_map_lookup_elem(&processes, &pid);
    struct process_state *seen = bpf_map_lookup_elem(&states, &pid);
    if (!table)
        return UNWIND_STOP_UNKNOWN;
    state->table = *table;
    scratch->is_behind = 0;
    if (seen) {
        scratch->is_behind = seen->sequence != table->sequence;
        if ((int32_t)(table->sequence - seen->hard_sequence) < 0)
            return UNWIND_STOP_STALE;
    }
    return UNWIND_RUNNING;
}

static inline __attribute__((always_inline)) struct scratch *
begin(struct bpf_perf_event_data *ctx)
{
    uint64_t id = bpf_get_current_pid_tgid();
    uint32_t pid = (uint32_t)(id >> 32);
    struct scratch *scratch = scratch_of_cpu();
    if (!scratch || (uint32_t)id == 0)
        return NULL;
    struct event_sample *sample = &scratch->sample;
    fill_header(&sample->header, EVENT_SAMPLE, pid, 0);
    sample->period_ns = ctx->sample_period;
    bpf_get_current_comm(sample->comm, sizeof sample->comm);
    scratch->n_kernel = scratch->n_user = 0;
    if (with_kernel_stacks && (ctx->regs.cs & 3) == 0) {
        long bytes = bpf_get_stack(ctx, sample->frames, SAMPLE_KERNEL_FRAMES_MAX * 8, 0);
        if (bytes > 0)
            scratch->n_kernel = (uint32_t)bytes >> 3;
    }
    scratch->unwind.stop = begin_user(ctx, scratch, pid);
    return scratch;
}

/* Records the current frame and goes to its caller; non-zero at the end. */
static inline __attribute__((always_inline)) long
add_frame(struct scratch *scratch)
{
    struct unwind_state *state = &scratch->unwind;
    uint32_t slot = scratch->n_kernel + scratch->n_user;
    if (scratch->n_user >= SAMPLE_USER_FRAMES_MAX ||
        slot >= SAMPLE_KERNEL_FRAMES_MAX + SAMPLE_USER_FRAMES_MAX) {
        state->stop = UNWIND_STOP_DEPTH;
        return 1;
    }
    uint64_t exact = state->is_exact ? SAMPLE_EXACT : 0;
    scratch->sample.frames[slot] = state->registers[UNWIND_RIP] | exact;
    scratch->n_user++;
    return unwind_step(state);
}

static inline __attribute__((always_inline)) bool
take_budget(uint32_t index, uint32_t pid, uint64_t window, uint32_t limit)
{
    struct copy_budget *budget = bpf_map_lookup_elem(&copy_budgets, &index);
    if (!budget)
        return false;
    if (budget->window != window || budget->pid != pid) {
        budget->window = window;
        budget->pid = pid;
        budget->count = 0;
    }
    return __sync_fetch_and_add(&budget->count, 1) < limit;
}

/* Whether the tables cannot tell and a copy of the stack could. */
static inline __attribute__((always_inline)) bool
needs_copy(const struct scratch *scratch)
{
    switch (scratch->unwind.stop) {
    case UNWIND_STOP_UNKNOWN:
    case UNWIND_STOP_STALE:
    case UNWIND_STOP_PENDING:
    case UNWIND_STOP_COMPLEX:
    case UNWIND_STOP_REGISTER:
        return true;
    case UNWIND_STOP_NO_MAPPING:
        return scratch->is_behind || scratch->n_user <= 1 || !has_map_events;
    default:
        return false;
    }
}

/* Copies the stack from rsp upwards, page by page, as far as it is mapped. */
static inline __attribute__((always_inline)) uint32_t
copy_stack(struct event_copy *copy, uint64_t top)
{
    uint64_t sp = copy->registers[UNWIND_RSP];
    uint32_t size = 4096 - (uint32_t)(sp & 4095), bytes = 0;
    if (size > 4096 || bpf_probe_read_user(copy->stack, size, (void *)sp))
        return 0;
    bytes = size;
    for (uint32_t i = 1; i < COPY_STACK_BYTES_MAX / 4096; i++) {
        barrier_var(
            bytes); /* else clang proves the bound itself and the verifier does not see it */
        if (i >= copy_pages || bytes > COPY_STACK_BYTES_MAX - 4096)
            break;
        if (bpf_probe_read_user(copy->stack + bytes, 4096, (void *)(sp + bytes)))
            break;
        bytes += 4096;
    }
    if (sp <= top && top - sp < bytes)
        bytes = (uint32_t)(top - sp) + 8;
    return bytes <= COPY_STACK_BYTES_MAX ? bytes : COPY_STACK_BYTES_MAX;
}

static inline __attribute__((always_inline)) bool
send_copy(struct scratch *scratch)
{
    struct event_copy *copy = &scratch->copy;
    const struct event_sample *sample = &scratch->sample;
    uint32_t pid = sample->header.pid;
    uint64_t window = sample->header.time_ns >> 30;
    if (bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > copy_waiting_bytes)
        return false;
    if (!take_budget(pid % COPY_BUDGETS, pid, window, process_copies_per_second) ||
        !take_budget(COPY_BUDGET_WHOLE, 0, window, copies_per_second))
        return false;
    copy->header = sample->header;
    copy->header.kind = EVENT_COPY;
    copy->header.stop = scratch->unwind.stop;
    copy->period_ns = sample->period_ns;
    __builtin_memcpy(copy->comm, sample->comm, sizeof copy->comm);
    uint32_t n = scratch->n_kernel;
    if (n > SAMPLE_KERNEL_FRAMES_MAX)
        n = SAMPLE_KERNEL_FRAMES_MAX;
    copy->n_kernel = (uint16_t)n;
    bpf_probe_read_kernel(copy->kernel_frames, n * 8, sample->frames);
    copy->stack_bytes = copy_stack(copy, scratch->stack_top);
    uint64_t bytes = __builtin_offsetof(struct event_copy, stack) + copy->stack_bytes;
    if (bytes > sizeof *copy)
        return false;
    uint64_t flags = copy->header.stop == UNWIND_STOP_UNKNOWN ? urgent_flags() : wakeup_flags();
    if (bpf_ringbuf_output(&events, copy, bytes, flags))
        count(BPF_COUNTER_LOST);
    return true;
}

static inline __attribute__((always_inline)) void
send_sample(struct scratch *scratch)
{
    struct event_sample *sample = &scratch->sample;
    sample->n_kernel = (uint16_t)scratch->n_kernel;
    sample->n_user = (uint16_t)scratch->n_user;
    sample->reserved = 0;
    uint64_t n = scratch->n_kernel + scratch->n_user;
    if (n > SAMPLE_KERNEL_FRAMES_MAX + SAMPLE_USER_FRAMES_MAX)
        n = SAMPLE_KERNEL_FRAMES_MAX + SAMPLE_USER_FRAMES_MAX;
    uint64_t bytes = __builtin_offsetof(struct event_sample, frames) + n * 8;
    if (bpf_ringbuf_output(&events, sample, bytes, wakeup_flags()))
        count(BPF_COUNTER_LOST);
}

/* In the midst of execve the registers are of the old program and the stack of the new one. */
static inline __attribute__((always_inline)) bool
is_in_exec(const struct scratch *scratch)
{
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    switch (scratch->unwind.stop) {
    case UNWIND_STOP_MEMORY:
    case UNWIND_STOP_UNKNOWN:
    case UNWIND_STOP_STALE:
        return scratch->n_user <= 1 && bpf_core_field_exists(task->in_execve) &&
               BPF_CORE_READ_BITFIELD_PROBED(task, in_execve);
    default:
        return false;
    }
}

static inline __attribute__((always_inline)) int
finish(struct scratch *scratch)
{
    struct event_sample *sample = &scratch->sample;
    if (is_in_exec(scratch)) {
        scratch->unwind.stop = UNWIND_STOP_EXEC;
        scratch->n_user = 0;
    }
    if (needs_copy(scratch)) {
        if (send_copy(scratch)) {
            count(scratch->unwind.stop);
            return 0;
        }
        scratch->unwind.stop = UNWIND_STOP_COPY_LIMIT;
    }
    count(scratch->unwind.stop);
    sample->header.stop = scratch->unwind.stop;
    send_sample(scratch);
    return 0;
}
