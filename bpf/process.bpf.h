/* Follows processes and their executable mappings, so that user space has the unwind table of a
 * mapping soon after it is made, and the sampling program knows when it has not. */
#pragma once
#include "bpf/maps.bpf.h"

static inline __attribute__((always_inline)) void
fill_header(struct event_header *header, uint16_t kind, uint32_t pid, uint32_t sequence)
{
    header->kind = kind;
    header->stop = 0;
    header->flags = 0;
    header->pid = pid;
    header->tid = (uint32_t)bpf_get_current_pid_tgid();
    header->sequence = sequence;
    header->time_ns = bpf_ktime_get_ns();
}

/* The state of a process, made when there is none. */
static inline __attribute__((always_inline)) struct process_state *
state_of(uint32_t pid)
{
    struct process_state *state = bpf_map_lookup_elem(&states, &pid);
    if (state)
        return state;
    struct process_state fresh = {};
    bpf_map_update_elem(&states, &pid, &fresh, BPF_NOEXIST);
    state = bpf_map_lookup_elem(&states, &pid);
    if (!state)
        count(BPF_COUNTER_STATE_FULL);
    return state;
}

/* Counts one change of the mappings. `is_hard`: what the older table says may be wrong. */
static inline __attribute__((always_inline)) uint32_t
advance(struct process_state *state, bool is_hard)
{
    uint32_t sequence = __sync_fetch_and_add(&state->sequence, 1) + 1;
    if (is_hard)
        state->hard_sequence = sequence;
    return sequence;
}

static inline __attribute__((always_inline)) uint32_t
namespace_pid_of(struct task_struct *task)
{
    struct pid *pid = BPF_CORE_READ(task, group_leader, thread_pid);
    unsigned int level = BPF_CORE_READ(pid, level);
    struct upid upid = {};
    bpf_core_read(&upid, sizeof upid,
                  (void *)pid + bpf_core_field_offset(pid->numbers) +
                      level * bpf_core_type_size(struct upid));
    return (uint32_t)upid.nr;
}

static inline __attribute__((always_inline)) void
send_process(uint16_t kind, struct task_struct *task, uint32_t parent, uint32_t sequence,
             uint64_t flags)
{
    struct event_process *event = bpf_ringbuf_reserve(&events, sizeof *event, 0);
    if (!event) {
        count(BPF_COUNTER_LOST);
        return;
    }
    fill_header(&event->header, kind, (uint32_t)BPF_CORE_READ(task, tgid), sequence);
    struct mm_struct *mm = BPF_CORE_READ(task, mm);
    event->mm = (uint64_t)mm;
    event->vdso = (uint64_t)BPF_CORE_READ(mm, context.vdso);
    event->start_time_ns = BPF_CORE_READ(task, group_leader, start_boottime);
    event->cgroup = bpf_get_current_cgroup_id();
    event->parent = parent;
    event->namespace_pid = namespace_pid_of(task);
    bpf_core_read(event->comm, sizeof event->comm, &task->comm);
    bpf_ringbuf_submit(event, flags);
}

/* A forked child has the parent's mappings, so it gets the parent's table at once: not one sample
 * of a forking server is late. */
SEC("tp_btf/sched_process_fork")
int
BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
    uint32_t from = (uint32_t)BPF_CORE_READ(parent, tgid),
             to = (uint32_t)BPF_CORE_READ(child, tgid);
    if (from == to)
        return 0; /* a thread */
    struct process_state state = {}, *parent_state = bpf_map_lookup_elem(&states, &from);
    if (parent_state)
        state = *parent_state;
    state.mm = (uint64_t)BPF_CORE_READ(child, mm);
    if (bpf_map_update_elem(&states, &to, &state, BPF_ANY))
        count(BPF_COUNTER_STATE_FULL);
    struct process_table *table = bpf_map_lookup_elem(&processes, &from);
    if (table) {
        struct process_table copy = *table;
        bpf_map_update_elem(&processes, &to, &copy, BPF_ANY);
    }
    send_process(EVENT_FORK, child, from, state.sequence, wakeup_flags());
    return 0;
}

SEC("tp_btf/sched_process_exec")
int
BPF_PROG(on_exec, struct task_struct *task)
{
    uint32_t pid = (uint32_t)BPF_CORE_READ(task, tgid), sequence = 0;
    struct process_state *state = state_of(pid);
    if (state) {
        sequence = advance(state, true);
        state->mm = (uint64_t)BPF_CORE_READ(task, mm);
    }
    send_process(EVENT_EXEC, task, 0, sequence, urgent_flags());
    return 0;
}

SEC("tp_btf/sched_process_exit")
int
BPF_PROG(on_exit, struct task_struct *task)
{
    if (BPF_CORE_READ(task, signal, live.counter) != 0)
        return 0; /* other threads live on */
    uint32_t pid = (uint32_t)BPF_CORE_READ(task, tgid);
    bpf_map_delete_elem(&processes, &pid);
    bpf_map_delete_elem(&states, &pid);
    send_process(EVENT_EXIT, task, 0, 0, wakeup_flags());
    return 0;
}

/* Whether [start, end) overlaps an entry of the process's mapping block; *inside when it lies
 * within one of the kind MAPPING_NO_TABLE. */
static inline __attribute__((always_inline)) bool
overlaps(uint32_t pid, uint64_t start, uint64_t end, bool *inside)
{
    struct process_table *table = bpf_map_lookup_elem(&processes, &pid);
    if (!table || end <= table->start || start >= table->end ||
        (start >= table->gap_start && end <= table->gap_end))
        return false;
    /* Entries do not overlap each other, so the last that starts before `end` decides. */
    struct unwind_state state = {.table = *table};
    if (!unwind_find_entry(&state, end - 1) || state.end <= start)
        return false;
    *inside = state.start <= start && state.end >= end && state.word >> 48 == MAPPING_NO_TABLE;
    return true;
}

static inline __attribute__((always_inline)) void
send_map(uint16_t kind, uint64_t mm, struct vm_area_struct *vma, uint64_t start, uint64_t end,
         uint32_t sequence)
{
    struct event_map *event = bpf_ringbuf_reserve(&events, sizeof *event, 0);
    if (!event) {
        count(BPF_COUNTER_LOST);
        return;
    }
    fill_header(&event->header, kind, (uint32_t)(bpf_get_current_pid_tgid() >> 32), sequence);
    struct file *file = vma ? BPF_CORE_READ(vma, vm_file) : NULL;
    event->mm = mm;
    event->start = start;
    event->end = end;
    event->file_offset = event->inode = 0;
    event->device = event->reserved = 0;
    if (file) {
        event->file_offset =
            (BPF_CORE_READ(vma, vm_pgoff) << 12) + (start - BPF_CORE_READ(vma, vm_start));
        event->inode = BPF_CORE_READ(file, f_inode, i_ino);
        event->device = BPF_CORE_READ(file, f_inode, i_sb, s_dev);
    }
    bpf_ringbuf_submit(event, kind == EVENT_MAP ? urgent_flags() : wakeup_flags());
}

/* [start, end) of the current process is `vma` from now on, or nothing when that is NULL. */
static inline __attribute__((always_inline)) int
change_map(uint64_t mm, struct vm_area_struct *vma, uint64_t start, uint64_t end)
{
    uint32_t pid = (uint32_t)(bpf_get_current_pid_tgid() >> 32);
    bool inside = false, is_hard = overlaps(pid, start, end, &inside);
    bool is_executable = vma && (BPF_CORE_READ(vma, vm_flags) & VM_EXEC);
    /* A JIT compiler toggles the protection of its memory: once known, it stays known until a file
     * takes the addresses. */
    if (inside && !(is_executable && BPF_CORE_READ(vma, vm_file)))
        return 0;
    if (!is_executable) {
        struct process_state *seen = is_hard ? bpf_map_lookup_elem(&states, &pid) : NULL;
        if (is_hard)
            send_map(EVENT_UNMAP, mm, NULL, start, end, seen ? seen->sequence : 0);
        return 0;
    }
    struct process_state *state = state_of(pid);
    uint32_t sequence = state ? advance(state, is_hard) : 0;
    send_map(EVENT_MAP, mm, vma, start, end, sequence);
    return 0;
}

/* From Linux 6.1: every change of the tree that holds the mappings of a process passes here. */
SEC("tp_btf/ma_write")
int
BPF_PROG(on_tree_write, const char *function, struct ma_state *change, unsigned long pivot,
         struct vm_area_struct *vma)
{
    /* Typed pointers, read without a call: this runs for every mmap, munmap and brk. */
    struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
    struct mm_struct *mm = task->mm;
    if (!mm || (void *)change->tree != (void *)mm + bpf_core_field_offset(mm->mm_mt))
        return 0;
    return change_map((uint64_t)mm, vma, change->index, change->last + 1);
}

/* Before Linux 6.1: the kernel calls this for every new mapping and every change of protection. */
SEC("fentry/perf_event_mmap")
int
BPF_PROG(on_map, struct vm_area_struct *vma)
{
    if (!(BPF_CORE_READ(vma, vm_flags) & VM_EXEC))
        return 0;
    return change_map((uint64_t)BPF_CORE_READ(vma, vm_mm), vma, BPF_CORE_READ(vma, vm_start),
                      BPF_CORE_READ(vma, vm_end));
}

/* Before Linux 6.1: the kernel calls this for every range of a file that is unmapped, also when the
 * process ends. */
SEC("fentry/uprobe_munmap")
int
BPF_PROG(on_unmap, struct vm_area_struct *vma, unsigned long start, unsigned long end)
{
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    struct mm_struct *mm = BPF_CORE_READ(vma, vm_mm);
    if (!(BPF_CORE_READ(vma, vm_flags) & VM_EXEC) || mm != BPF_CORE_READ(task, mm))
        return 0; /* not of interest, or exit or exec */
    return change_map((uint64_t)mm, NULL, start, end);
}
