/* One step of unwinding a user stack by the packed tables, x86-64.
 *
 * Plain C: the BPF programs include it, and the agent compiles it natively, to unwind copied stacks
 * and to test it. Whoever includes it defines the four functions that reach memory.
 *
 * An address is exact where the processor stood: in the innermost frame and where a signal
 * interrupted. All others are return addresses, and one less is looked up, because a call may be
 * the last instruction of its function. */
#pragma once
#include "cresset/event.h"

#define UNWIND_INLINE static inline __attribute__((always_inline))

struct unwind_state {
    uint64_t
        registers[UNWIND_REGISTERS]; /* all are right where has_registers, else RIP, RSP, RBP */
    uint64_t start, end, bias, word; /* the mapping that the last address was in */
    struct process_table table;
    uint8_t stop; /* enum unwind_stop */
    uint8_t is_exact, has_registers, has_frame_pointer;
    uint32_t reserved;
};

/* Reads the stack, or code; 0 on success. */
UNWIND_INLINE long
unwind_memory(struct unwind_state *state, uint64_t address, void *to, uint32_t size);
/* A handle of a slab, a word of it, a rule; NULL where there is none. */
UNWIND_INLINE void *unwind_slab(struct unwind_state *state, uint32_t number);
UNWIND_INLINE const uint64_t *unwind_word(void *slab, uint32_t index);
UNWIND_INLINE const struct unwind_rule *unwind_rule(struct unwind_state *state, uint32_t index);

enum {
    UNWIND_MAPPING_STEPS = 13, /* 2^12 = MAPPINGS_MAX entries */
    UNWIND_ROW_STEPS = 15,     /* 2^14 = UNWIND_PAGE_ROWS_MAX rows */
    /* struct ucontext of the kernel (arch/x86/include/uapi/asm/sigcontext.h): r8 follows uc_flags,
     * uc_link and uc_stack. */
    UNWIND_UCONTEXT_R8 = 40,
    UNWIND_FRAME_BYTES_MAX = 1024 * 1024, /* a frame larger than this is not believed */
};

UNWIND_INLINE int
unwind_fail(struct unwind_state *state, uint8_t stop)
{
    state->stop = stop;
    return 1;
}

/* Fills in the last mapping that starts at or before `pc`; 0 when there is none. */
UNWIND_INLINE int
unwind_find_entry(struct unwind_state *state, uint64_t pc)
{
    void *slab = unwind_slab(state, state->table.slab);
    if (!slab)
        return 0;
    uint32_t base = state->table.offset, low = 0, high = state->table.count;
    for (int i = 0; i < UNWIND_MAPPING_STEPS; i++) {
        if (low >= high)
            break;
        uint32_t middle = (low + high) >> 1;
        const uint64_t *start = unwind_word(slab, base + middle * MAPPING_WORDS);
        if (!start)
            return 0;
        if (*start <= pc)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return 0;
    uint32_t entry = base + (low - 1) * MAPPING_WORDS;
    const uint64_t *start = unwind_word(slab, entry), *end = unwind_word(slab, entry + 1);
    const uint64_t *bias = unwind_word(slab, entry + 2), *word = unwind_word(slab, entry + 3);
    if (!start || !end || !bias || !word)
        return 0;
    state->start = *start;
    state->end = *end;
    state->bias = *bias;
    state->word = *word;
    return 1;
}

/* Searches the rows of one page, `count` from row number `first` of the slab: the rule index of the
 * last that starts at or before `low_pc`. */
UNWIND_INLINE int
unwind_find_row(struct unwind_state *state, uint64_t page, uint32_t low_pc, uint32_t *rule)
{
    void *slab = unwind_slab(state, (uint32_t)(page >> 48));
    if (!slab)
        return unwind_fail(state, UNWIND_STOP_INTERNAL);
    uint32_t low = (uint32_t)page, high = low + ((uint32_t)(page >> 32) & 0xffff), found = 0;
    if (low == high)
        return unwind_fail(state, UNWIND_STOP_NO_ROW);
    for (int i = 0; i < UNWIND_ROW_STEPS; i++) {
        if (low >= high)
            break;
        uint32_t middle = (low + high) >> 1;
        const uint64_t *word = unwind_word(slab, middle >> 1);
        if (!word)
            return unwind_fail(state, UNWIND_STOP_INTERNAL);
        uint32_t row = (uint32_t)(*word >> ((middle & 1) * 32));
        if (UNWIND_ROW_PC(row) <= low_pc) {
            found = row;
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *rule = UNWIND_ROW_RULE(found);
    return 0;
}

/* The rule index at `address` of the file whose table index block `word` names. */
UNWIND_INLINE int
unwind_find_rule(struct unwind_state *state, uint64_t address, uint32_t *rule)
{
    uint32_t offset = (uint32_t)state->word;
    void *slab = unwind_slab(state, (uint32_t)(state->word >> 32) & 0xffff);
    if (!slab)
        return unwind_fail(state, UNWIND_STOP_INTERNAL);
    const uint64_t *head = unwind_word(slab, offset);
    if (!head)
        return unwind_fail(state, UNWIND_STOP_INTERNAL);
    uint64_t page = (address >> UNWIND_PAGE_SHIFT) - (uint32_t)*head;
    if (page >= *head >> 32)
        return unwind_fail(state, UNWIND_STOP_NO_ROW);
    const uint64_t *entry = unwind_word(slab, offset + 1 + (uint32_t)page);
    if (!entry)
        return unwind_fail(state, UNWIND_STOP_INTERNAL);
    return unwind_find_row(state, *entry, (uint32_t)address & 0xffff, rule);
}

/* Goes to the caller: its stack pointer is `cfa`. */
UNWIND_INLINE int
unwind_to_caller(struct unwind_state *state, uint64_t cfa, uint64_t return_address)
{
    if (cfa <= state->registers[UNWIND_RSP])
        return unwind_fail(state, UNWIND_STOP_STACK_POINTER);
    if (return_address == 0)
        return unwind_fail(state, UNWIND_STOP_ROOT);
    state->registers[UNWIND_RSP] = cfa;
    state->registers[UNWIND_RIP] = return_address;
    state->is_exact = 0;
    state->has_registers = 0;
    return 0;
}

/* The frame was made by the kernel to run a signal handler: sp points at its struct ucontext. */
UNWIND_INLINE int
unwind_signal(struct unwind_state *state)
{
    uint64_t saved[UNWIND_REGISTERS]; /* struct sigcontext_64 */
    if (unwind_memory(state, state->registers[UNWIND_RSP] + UNWIND_UCONTEXT_R8, saved,
                      sizeof saved))
        return unwind_fail(state, UNWIND_STOP_MEMORY);
    for (int i = 0; i < 8; i++)
        state->registers[UNWIND_R8 + i] = saved[i];
    state->registers[UNWIND_RDI] = saved[8];
    state->registers[UNWIND_RSI] = saved[9];
    state->registers[UNWIND_RBP] = saved[10];
    state->registers[UNWIND_RBX] = saved[11];
    state->registers[UNWIND_RDX] = saved[12];
    state->registers[UNWIND_RAX] = saved[13];
    state->registers[UNWIND_RCX] = saved[14];
    state->registers[UNWIND_RSP] = saved[15];
    state->registers[UNWIND_RIP] = saved[16];
    state->is_exact = state->has_registers = state->has_frame_pointer = 1;
    return 0;
}

/* Whether rbp looks like the frame pointer of the current frame. */
UNWIND_INLINE int
unwind_is_frame(const struct unwind_state *state)
{
    uint64_t distance = state->registers[UNWIND_RBP] - state->registers[UNWIND_RSP];
    return state->has_frame_pointer && (distance & 7) == 0 && distance < UNWIND_FRAME_BYTES_MAX;
}

/* Whether the frame called something and hands its result to a function that does not return, which
 * is how the first function of a program or thread looks in C libraries without CFI (musl):
 * mov %eax,%edi; call exit, or mov %rax,%rdi; call pthread_exit, or mov %eax,%edi and exit by
 * system call. */
UNWIND_INLINE int
unwind_is_first_function(struct unwind_state *state)
{
    uint32_t code;
    if (state->is_exact || unwind_memory(state, state->registers[UNWIND_RIP], &code, sizeof code))
        return 0;
    return (code & 0xffffff) == 0xe8c789 || code == 0xe8c78948 || code == 0xc031c789;
}

/* rbp points at the caller's rbp, and the return address is behind it. */
UNWIND_INLINE int
unwind_frame_pointer(struct unwind_state *state)
{
    uint64_t fp = state->registers[UNWIND_RBP], saved[2];
    if (!state->has_frame_pointer)
        return unwind_fail(state, UNWIND_STOP_REGISTER);
    if (fp == 0)
        return unwind_fail(state, UNWIND_STOP_ROOT);
    if (fp < state->registers[UNWIND_RSP] || (fp & 7))
        return unwind_fail(state, UNWIND_STOP_FRAME_POINTER);
    if (unwind_memory(state, fp, saved, sizeof saved))
        return unwind_fail(state, UNWIND_STOP_MEMORY);
    state->registers[UNWIND_RBP] = saved[0];
    return unwind_to_caller(state, fp + 16, saved[1]);
}

/* Goes on by rbp where there is no CFI, when that leads to known code. */
UNWIND_INLINE int
unwind_guess(struct unwind_state *state)
{
    if (!unwind_is_frame(state))
        return unwind_fail(state, UNWIND_STOP_NO_ROW);
    if (unwind_frame_pointer(state))
        return 1;
    uint64_t pc = state->registers[UNWIND_RIP] - 1;
    if (!unwind_find_entry(state, pc) || pc >= state->end)
        return unwind_fail(state, UNWIND_STOP_NO_ROW);
    return 0;
}

/* Computes the canonical frame address. */
UNWIND_INLINE int
unwind_cfa(struct unwind_state *state, const struct unwind_rule *rule, uint64_t *ret_cfa)
{
    uint64_t offset = (uint64_t)(int64_t)rule->cfa_offset, cfa = 0;
    uint8_t kind = rule->cfa;
    if (kind == UNWIND_CFA_PLT) {
        uint64_t pushed = (state->registers[UNWIND_RIP] & 15) >= rule->reg;
        *ret_cfa = state->registers[UNWIND_RSP] + 8 + pushed * 8;
        return 0;
    }
    if (kind == UNWIND_CFA_REG) {
        uint32_t number = rule->reg;
        if (!state->has_registers || number >= UNWIND_REGISTERS)
            return unwind_fail(state, UNWIND_STOP_REGISTER);
        *ret_cfa = state->registers[number] + offset;
        return 0;
    }
    if (kind == UNWIND_CFA_FP || kind == UNWIND_CFA_FP_DEREF) {
        if (!state->has_frame_pointer)
            return unwind_fail(state, UNWIND_STOP_REGISTER);
        cfa = state->registers[UNWIND_RBP] + offset;
    } else {
        cfa = state->registers[UNWIND_RSP] + offset;
    }
    if (kind == UNWIND_CFA_SP_DEREF || kind == UNWIND_CFA_FP_DEREF) {
        uint64_t value;
        if (unwind_memory(state, cfa, &value, sizeof value))
            return unwind_fail(state, UNWIND_STOP_MEMORY);
        cfa = value + (uint64_t)(int64_t)rule->cfa_addend;
    }
    *ret_cfa = cfa;
    return 0;
}

/* Applies a rule that has a CFA: reads the return address and the caller's rbp. */
UNWIND_INLINE int
unwind_apply(struct unwind_state *state, const struct unwind_rule *rule)
{
    uint64_t cfa = 0, saved[2];
    if (unwind_cfa(state, rule, &cfa))
        return 1;
    if (rule->flags & UNWIND_RULE_SWITCHES_STACK)
        state->registers[UNWIND_RSP] = 0;
    if (rule->fp == UNWIND_FP_CFA && rule->fp_offset == -16 && rule->ra_offset == -8) {
        if (unwind_memory(state, cfa - 16, saved, sizeof saved))
            return unwind_fail(state, UNWIND_STOP_MEMORY);
        state->registers[UNWIND_RBP] = saved[0];
        state->has_frame_pointer = 1;
        return unwind_to_caller(state, cfa, saved[1]);
    }
    if (unwind_memory(state, cfa + (uint64_t)(int64_t)rule->ra_offset, &saved[1], 8))
        return unwind_fail(state, UNWIND_STOP_MEMORY);
    if (rule->fp == UNWIND_FP_CFA || rule->fp == UNWIND_FP_FP) {
        uint64_t base = rule->fp == UNWIND_FP_FP ? state->registers[UNWIND_RBP] : cfa;
        if (unwind_memory(state, base + (uint64_t)(int64_t)rule->fp_offset, &saved[0], 8))
            return unwind_fail(state, UNWIND_STOP_MEMORY);
        /* A lost rbp stays lost when what it points at is read. */
        state->has_frame_pointer |= rule->fp == UNWIND_FP_CFA;
        state->registers[UNWIND_RBP] = saved[0];
    } else if (rule->fp == UNWIND_FP_UNDEFINED) {
        state->has_frame_pointer = 0;
    }
    return unwind_to_caller(state, cfa, saved[1]);
}

/* Goes from the frame that `state` is in to its caller. Non-zero when there is none, with the
 * reason in state->stop; the address of the current frame stays in the registers. */
UNWIND_INLINE int
unwind_step(struct unwind_state *state)
{
    uint64_t pc = state->registers[UNWIND_RIP] - !state->is_exact;
    if (pc < state->start || pc >= state->end) {
        if (!unwind_find_entry(state, pc) || pc >= state->end)
            return unwind_fail(state, UNWIND_STOP_NO_MAPPING);
    }
    uint64_t kind = state->word >> 48;
    if (kind == MAPPING_PENDING)
        return unwind_fail(state, UNWIND_STOP_PENDING);
    if (kind == MAPPING_COPY)
        return unwind_fail(state, UNWIND_STOP_COMPLEX);
    if (kind == MAPPING_NO_TABLE)
        return unwind_frame_pointer(state);
    uint32_t index = 0;
    if (unwind_find_rule(state, pc - state->bias, &index))
        return 1;
    const struct unwind_rule *rule = unwind_rule(state, index);
    if (!rule)
        return unwind_fail(state, UNWIND_STOP_INTERNAL);
    switch (rule->cfa) {
    case UNWIND_CFA_NONE: /* no CFI, as in the built-in functions of V8: they keep rbp */
        if (unwind_is_first_function(state))
            return unwind_fail(state, UNWIND_STOP_ROOT);
        return unwind_guess(state);
    case UNWIND_CFA_STOP:
        return unwind_fail(state, UNWIND_STOP_ROOT);
    case UNWIND_CFA_COMPLEX:
        return unwind_fail(state, UNWIND_STOP_COMPLEX);
    case UNWIND_CFA_SIGNAL:
        return unwind_signal(state);
    case UNWIND_CFA_FRAME_POINTER:
        return unwind_frame_pointer(state);
    default:
        return unwind_apply(state, rule);
    }
}
