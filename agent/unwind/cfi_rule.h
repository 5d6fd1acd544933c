/* What a CFI program has established at one address, for the registers that the tables hold, and
 * its translation into a packed rule. x86-64: rbp is 6, rsp is 7, the return address is 16. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cresset/event.h"

enum { CFI_REGISTER_FP = 6, CFI_REGISTER_SP = 7, CFI_REGISTER_RA = 16 };

typedef enum {
    CFI_SAME = 0, /* also: never mentioned */
    CFI_UNDEFINED,
    CFI_OFFSET,          /* saved at CFA + offset; of the CFA itself: reg + offset */
    CFI_VALUE_OFFSET,    /* is CFA + offset */
    CFI_REGISTER,        /* is in `reg` */
    CFI_EXPRESSION,      /* saved at the address that the expression gives; of the CFA: its value */
    CFI_VALUE_EXPRESSION /* is what the expression gives */
} CfiKind;

typedef struct {
    CfiKind kind;
    uint32_t reg;
    int64_t offset;
    const uint8_t *expression; /* borrowed from the section */
    size_t expression_size;
} CfiRegister;

typedef struct {
    CfiRegister cfa, fp, ra;
} CfiState;

/* Fills `ret_rule` with what `state` means. What a rule cannot hold becomes UNWIND_CFA_COMPLEX, a
 * state without a CFA UNWIND_CFA_NONE. Exact: whatever is not COMPLEX gives the same CFA, rbp and
 * return address as the DWARF rules do. */
void cfi_state_to_rule(const CfiState *state, bool is_signal_frame, struct unwind_rule *ret_rule);
