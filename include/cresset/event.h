/* Contract between the BPF programs and the agent: unwind tables going down, events coming up.
 * Fixed-width fields only; sizes are asserted on both sides. */
#pragma once
#ifndef __bpf__
#include <stdint.h>
#else
typedef unsigned char uint8_t;
typedef signed char int8_t;
typedef unsigned short uint16_t;
typedef short int16_t;
typedef unsigned int uint32_t;
typedef int int32_t;
typedef unsigned long long uint64_t;
typedef long long int64_t;
#endif

/* How the canonical frame address (the value of the stack pointer before the call) is found. */
enum unwind_cfa {
    UNWIND_CFA_NONE = 0, /* no rule: a gap between functions; unwinding stops with an error */
    UNWIND_CFA_SP,       /* sp + cfa_offset */
    UNWIND_CFA_FP,       /* rbp + cfa_offset */
    UNWIND_CFA_REG,      /* register `reg` (DWARF number) + cfa_offset; known in frame 0 only */
    UNWIND_CFA_SP_DEREF, /* *(sp + cfa_offset) + cfa_addend */
    UNWIND_CFA_FP_DEREF, /* *(rbp + cfa_offset) + cfa_addend */
    UNWIND_CFA_PLT,      /* sp + 8 + ((pc & 15) >= reg) * 8: lazy-binding PLT stubs; reg is 11, or 9
                            in those that start with endbr64 */
    UNWIND_CFA_SIGNAL,   /* sp points at the kernel's rt_sigframe: restore every register from it */
    UNWIND_CFA_STOP,     /* the outermost frame: unwinding is complete */
    UNWIND_CFA_FRAME_POINTER, /* no CFI here: rbp chain ([rbp] is the caller's rbp, [rbp+8] the pc)
                               */
    UNWIND_CFA_COMPLEX,       /* an expression the table cannot hold: copy the stack instead */
};

/* How the caller's frame pointer is found. */
enum unwind_fp {
    UNWIND_FP_SAME = 0,  /* not changed by this function */
    UNWIND_FP_CFA,       /* *(cfa + fp_offset) */
    UNWIND_FP_UNDEFINED, /* lost */
    UNWIND_FP_FP,        /* *(rbp + fp_offset): functions that realign their stack */
};

/* One distinct rule, 16 bytes; rows refer to it by its index in one table for all executables. */
struct unwind_rule {
    uint8_t cfa;        /* enum unwind_cfa */
    uint8_t fp;         /* enum unwind_fp */
    uint8_t reg;        /* DWARF register number for UNWIND_CFA_REG, see UNWIND_CFA_PLT */
    uint8_t flags;      /* UNWIND_RULE_… */
    int32_t cfa_offset; /* bytes */
    int32_t cfa_addend; /* bytes */
    int16_t fp_offset;  /* bytes from the CFA (UNWIND_FP_CFA) or from rbp (UNWIND_FP_FP) */
    int16_t ra_offset;  /* bytes from the CFA; -8 on x86-64 */
};

/* The caller's frame is on another stack, which may lie below: the stack pointer need not ascend.
 */
#define UNWIND_RULE_SWITCHES_STACK 1

/* A row is 32 bits: the low 16 bits of the address it starts at, and the rule index. It holds up to
 * the next row. Rows of one 64 KiB page of addresses stand together, ascending, and the first row
 * of every page starts at its first byte, so that a search never leaves the page. */
#define UNWIND_ROW(pc_low, rule) ((uint32_t)(pc_low) << 16 | (uint32_t)(rule))
#define UNWIND_ROW_PC(row)       ((uint32_t)(row) >> 16)
#define UNWIND_ROW_RULE(row)     ((uint32_t)(row)&0xffff)
#define UNWIND_PAGE_SHIFT        16
#define UNWIND_RULES_MAX         16384
/* A page with more rows than this is given a single UNWIND_CFA_COMPLEX row instead. */
#define UNWIND_PAGE_ROWS_MAX 16384

/* Slabs are arrays of 64-bit words that hold two kinds of blocks; a block lies inside one slab and
 * is named by slab number and index of its first word.
 *
 * A table index block (one per executable) covers n_pages pages of ELF virtual addresses:
 *   word 0      first_page | n_pages << 32   (page = address >> UNWIND_PAGE_SHIFT)
 *   then        one PAGE_WORD for each page: where its rows are, in this slab or another
 * and a rows block holds the 32-bit rows of some consecutive pages, the low half of a word first.
 *
 * A mapping block (one per process) is a sorted array of entries of four words, one for each
 * executable mapping:
 *   word 0, 1   start and end address in the process
 *   word 2      bias: address in the process - bias = ELF virtual address
 *   word 3      MAPPING_WORD: kind, slab and offset of the index block; replaced by one store */
#define SLAB_BYTES (1024 * 1024)
#define SLAB_WORDS (SLAB_BYTES / 8)
#define SLABS_MAX  256
#define PAGE_WORD(slab, count, row)                                                                \
    ((uint64_t)(slab) << 48 | (uint64_t)(count) << 32 | (uint64_t)(uint32_t)(row))
#define MAPPING_WORDS 4
#define MAPPINGS_MAX  4096 /* of one process; what is above is copied and unwound in user space */
enum mapping_kind {
    MAPPING_PENDING = 0, /* its table is not built yet: copy the stack */
    MAPPING_TABLE,
    MAPPING_NO_TABLE, /* anonymous (JIT), or a file without unwind information: frame pointers */
    MAPPING_COPY,     /* its table did not fit: copy the stack */
};
#define MAPPING_WORD(kind, slab, offset)                                                           \
    ((uint64_t)(kind) << 48 | (uint64_t)(slab) << 32 | (uint64_t)(uint32_t)(offset))

/* What user space says of a process; value of the map `processes`, key: process id (tgid). */
struct process_table {
    uint32_t slab, offset; /* the mapping block */
    uint32_t count;        /* its entries */
    uint32_t sequence;     /* the events of the process up to this one are in it */
    /* All entries lie in [start, end), and none in the widest gap between two: most changes of the
     * address space (heap, anonymous memory) lie outside or there. */
    uint64_t start, end, gap_start, gap_end;
};

/* What the BPF programs saw of a process; value of the map `states`, key: process id. A process
 * that has seen no event since the agent started has none, which means all zero. */
struct process_state {
    uint64_t mm;            /* which address space; an opaque number */
    uint32_t sequence;      /* counts exec and mapping events */
    uint32_t hard_sequence; /* the last event that replaced a mapping: an older table lies */
};

/* Why unwinding of a user stack ended. */
#define UNWIND_STOPS(X)                                                                            \
    X(ROOT, root, "reached the outermost frame")                                                   \
    X(NO_USER, no_user, "kernel thread, or a task without user stack")                             \
    X(EXEC, exec, "in execve, between two programs")                                               \
    X(DEPTH, depth, "more frames than are kept")                                                   \
    X(NO_MAPPING, no_mapping, "an address in no executable mapping")                               \
    X(NO_ROW, no_row, "an address between functions")                                              \
    X(MEMORY, memory, "stack memory that cannot be read")                                          \
    X(REGISTER, register, "a rule that needs a register whose value is lost")                      \
    X(STACK_POINTER, stack_pointer, "a stack pointer that does not ascend")                        \
    X(FRAME_POINTER, frame_pointer, "a broken chain of frame pointers")                            \
    X(COMPLEX, complex, "a rule that needs the copied stack")                                      \
    X(PENDING, pending, "an executable whose table is not built yet")                              \
    X(UNKNOWN, unknown, "a process not known yet")                                                 \
    X(STALE, stale, "mappings that changed after the table was written")                           \
    X(COPY_LIMIT, copy_limit, "a stack to be copied beyond the rate limit or the copied bytes")    \
    X(UNSUPPORTED, unsupported, "code of another instruction set")                                 \
    X(INTERNAL, internal, "a limit of the BPF machine")
enum unwind_stop {
    UNWIND_RUNNING = 0,
#define X(name, label, text) UNWIND_STOP_##name,
    UNWIND_STOPS(X)
#undef X
        UNWIND_STOP_COUNT
};

/* Events travel through one ring buffer, in the order in which they happened. */
enum event_kind {
    EVENT_SAMPLE = 1, /* struct event_sample */
    EVENT_COPY,       /* struct event_copy */
    EVENT_EXEC,       /* struct event_process */
    EVENT_FORK,       /* struct event_process */
    EVENT_EXIT,       /* struct event_process */
    EVENT_MAP,        /* struct event_map: an executable mapping was made, or became executable */
    EVENT_UNMAP,      /* struct event_map: the range is executable no more */
};

struct event_header {
    uint16_t kind;
    uint8_t stop;  /* enum unwind_stop of samples */
    uint8_t flags; /* EVENT_… */
    uint32_t pid;  /* process (tgid) */
    uint32_t tid;
    uint32_t sequence; /* process_state.sequence with this event counted */
    uint64_t time_ns;  /* CLOCK_MONOTONIC */
};

#define SAMPLE_KERNEL_FRAMES_MAX 127
#define SAMPLE_USER_FRAMES_MAX   512

/* A stack, the leaf first: n_kernel kernel addresses, then n_user user addresses. Bit 63 of a user
 * address is set when it is exact (the leaf, and what a signal interrupted) and clear when it is a
 * return address. */
struct event_sample {
    struct event_header header;
    uint64_t period_ns;
    char comm[16]; /* of the thread */
    uint16_t n_kernel, n_user;
    uint32_t reserved;
    uint64_t frames[SAMPLE_KERNEL_FRAMES_MAX + SAMPLE_USER_FRAMES_MAX];
};
#define SAMPLE_EXACT (1ULL << 63)

/* DWARF numbers of the x86-64 registers. */
enum unwind_register {
    UNWIND_RAX,
    UNWIND_RDX,
    UNWIND_RCX,
    UNWIND_RBX,
    UNWIND_RSI,
    UNWIND_RDI,
    UNWIND_RBP,
    UNWIND_RSP,
    UNWIND_R8,
    UNWIND_R9,
    UNWIND_R10,
    UNWIND_R11,
    UNWIND_R12,
    UNWIND_R13,
    UNWIND_R14,
    UNWIND_R15,
    UNWIND_RIP,
    UNWIND_REGISTERS
};

#define COPY_STACK_BYTES_MAX (32 * 1024)

/* A sample whose user stack user space unwinds: the registers and the stack from rsp upwards. */
struct event_copy {
    struct event_header header; /* stop: why it was copied */
    uint64_t period_ns;
    char comm[16];
    uint16_t n_kernel, reserved;
    uint32_t stack_bytes;
    uint64_t registers[UNWIND_REGISTERS];
    uint64_t kernel_frames[SAMPLE_KERNEL_FRAMES_MAX];
    uint8_t stack[COPY_STACK_BYTES_MAX];
};

struct event_process {
    struct event_header header;
    uint64_t mm;            /* after the event */
    uint64_t start_time_ns; /* CLOCK_BOOTTIME */
    uint64_t cgroup;        /* id in the unified hierarchy */
    uint64_t vdso;          /* its address, 0 when not known */
    uint32_t parent;        /* process that forked */
    uint32_t namespace_pid;
    char comm[16];
};

struct event_map {
    struct event_header header;
    uint64_t mm, start, end;
    uint64_t file_offset; /* bytes */
    uint64_t inode;       /* 0: anonymous */
    uint32_t device;      /* as the kernel encodes it: major << 20 | minor */
    uint32_t reserved;
};

/* Counters of the BPF side; the stop reasons stand first. */
enum bpf_counter {
    BPF_COUNTER_STOPS = 0,
    BPF_COUNTER_LOST = UNWIND_STOP_COUNT, /* records that found the ring buffer full */
    BPF_COUNTER_STATE_FULL,               /* processes that found the map full */
    BPF_COUNTERS
};
