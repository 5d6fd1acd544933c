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
    UNWIND_CFA_PLT,      /* sp + 8 + ((pc & 15) >= 11) * 8: lazy-binding PLT stubs */
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
    uint8_t cfa; /* enum unwind_cfa */
    uint8_t fp;  /* enum unwind_fp */
    uint8_t reg; /* DWARF register number for UNWIND_CFA_REG */
    uint8_t flags;
    int32_t cfa_offset; /* bytes */
    int32_t cfa_addend; /* bytes */
    int16_t fp_offset;  /* bytes from the CFA (UNWIND_FP_CFA) or from rbp (UNWIND_FP_FP) */
    int16_t ra_offset;  /* bytes from the CFA; -8 on x86-64 */
};

/* A row is 32 bits: the low 16 bits of the address it starts at, and the rule index. It holds up to
 * the next row. Rows of one 64 KiB page of addresses stand together, ascending; the first of them
 * starts at the page's first byte. */
#define UNWIND_ROW(pc_low, rule) ((uint32_t)(pc_low) << 16 | (uint32_t)(rule))
#define UNWIND_PAGE_SHIFT        16
#define UNWIND_RULES_MAX         16384
