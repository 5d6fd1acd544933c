/* The few kernel structures that the programs read, with just the fields they read. CO-RE relocates
 * every access to the running kernel, so order and neighbours do not matter. */
#pragma once
#include "cresset/event.h"

#include <stdbool.h>
#include <stddef.h>

typedef uint8_t __u8;
typedef uint16_t __u16;
typedef int16_t __s16;
typedef uint32_t __u32;
typedef int32_t __s32;
typedef uint64_t __u64;
typedef int64_t __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

enum {
    BPF_ANY = 0,
    BPF_NOEXIST = 1,
    BPF_MAP_TYPE_HASH = 1,
    BPF_MAP_TYPE_ARRAY = 2,
    BPF_MAP_TYPE_PROG_ARRAY = 3,
    BPF_MAP_TYPE_PERCPU_ARRAY = 6,
    BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
    BPF_MAP_TYPE_RINGBUF = 27,
    BPF_F_MMAPABLE = 1 << 10,
    BPF_RB_NO_WAKEUP = 1,
    BPF_RB_FORCE_WAKEUP = 2,
    BPF_RB_AVAIL_DATA = 0,
};

/* ABI structures: never relocated. */
struct pt_regs {
    unsigned long r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax,
        rip, cs, eflags, rsp, ss;
};
struct bpf_perf_event_data {
    struct pt_regs regs;
    uint64_t sample_period, addr;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
    int counter;
} atomic_t;

struct super_block {
    unsigned int s_dev;
};
struct inode {
    unsigned long i_ino;
    struct super_block *i_sb;
};
struct file {
    struct inode *f_inode;
};
typedef struct {
    void *vdso;
} mm_context_t;
struct maple_tree {
    unsigned int ma_flags;
};
struct ma_state {
    struct maple_tree *tree;
    unsigned long index, last;
};
struct mm_struct {
    struct maple_tree mm_mt;
    unsigned long start_stack;
    mm_context_t context;
};
struct vm_area_struct {
    unsigned long vm_start, vm_end, vm_flags, vm_pgoff;
    struct mm_struct *vm_mm;
    struct file *vm_file;
};
struct signal_struct {
    atomic_t live;
};
struct upid {
    int nr;
};
struct pid {
    unsigned int level;
    struct upid numbers[1];
};
struct task_struct {
    int pid, tgid;
    unsigned int flags;
    unsigned in_execve : 1;
    void *stack;
    struct mm_struct *mm;
    struct task_struct *group_leader;
    struct signal_struct *signal;
    struct pid *thread_pid;
    uint64_t start_boottime;
    char comm[16];
};
struct linux_binprm;

#pragma clang attribute pop

/* vm_flags, fixed since Linux 2. */
#define VM_EXEC 0x4
