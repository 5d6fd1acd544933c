#include "agent/unwind/cfi_rule.h"

#include <dwarf.h>
#include <string.h>

#include "agent/unwind/cfi_cursor.h"

#define OPERATIONS_MAX 12

/* One operation in a normal form: literals and constants are DW_OP_constu, every register base is
 * DW_OP_bregx. */
typedef struct {
    uint8_t code;
    uint32_t reg;
    int64_t value;
} Operation;

static bool
read_operation(CfiCursor *cursor, Operation *ret)
{
    uint8_t code = cfi_cursor_u8(cursor);
    *ret = (Operation){.code = code};
    if (code >= DW_OP_breg0 && code <= DW_OP_breg31) {
        *ret = (Operation){DW_OP_bregx, code - DW_OP_breg0, cfi_cursor_sleb(cursor)};
    } else if (code >= DW_OP_lit0 && code <= DW_OP_lit31) {
        *ret = (Operation){DW_OP_constu, 0, code - DW_OP_lit0};
    } else if (code == DW_OP_bregx) {
        uint64_t reg = cfi_cursor_uleb(cursor);
        ret->value = cfi_cursor_sleb(cursor);
        ret->reg = reg > UINT8_MAX ? UINT8_MAX : (uint32_t)reg;
    } else if (code == DW_OP_const1u || code == DW_OP_const2u || code == DW_OP_const4u) {
        size_t size = code == DW_OP_const1u ? 1 : code == DW_OP_const2u ? 2 : 4;
        *ret = (Operation){DW_OP_constu, 0, (int64_t)cfi_cursor_fixed(cursor, size)};
    } else if (code == DW_OP_const1s) {
        *ret = (Operation){DW_OP_constu, 0, (int8_t)cfi_cursor_u8(cursor)};
    } else if (code == DW_OP_constu || code == DW_OP_plus_uconst) {
        ret->value = (int64_t)cfi_cursor_uleb(cursor);
    } else if (code == DW_OP_consts) {
        *ret = (Operation){DW_OP_constu, 0, cfi_cursor_sleb(cursor)};
    }
    return !cursor->is_bad;
}

/* Returns the number of operations, 0 when there are too many or the expression is cut. */
static size_t
read_expression(const CfiRegister *rule, Operation operations[OPERATIONS_MAX])
{
    CfiCursor cursor = cfi_cursor_new(rule->expression, rule->expression_size);
    size_t n = 0;
    for (; cfi_cursor_left(&cursor) > 0; n++)
        if (n == OPERATIONS_MAX || !read_operation(&cursor, &operations[n]))
            return 0;
    return n;
}

static bool
fits_int32(int64_t value)
{
    return value >= INT32_MIN && value <= INT32_MAX;
}

static bool
fits_int16(int64_t value)
{
    return value >= INT16_MIN && value <= INT16_MAX;
}

/* rsp + 8 + ((rip & 15) >= N) * 8, the form that linkers write for lazy-binding stubs. */
static bool
match_plt(const Operation *operations, size_t n, struct unwind_rule *rule)
{
    static const uint8_t CODES[] = {DW_OP_bregx,  DW_OP_bregx,  DW_OP_constu,
                                    DW_OP_and,    DW_OP_constu, DW_OP_ge,
                                    DW_OP_constu, DW_OP_shl,    DW_OP_plus};
    if (n != sizeof(CODES))
        return false;
    for (size_t i = 0; i < n; i++)
        if (operations[i].code != CODES[i])
            return false;
    if (operations[0].reg != CFI_REGISTER_SP || operations[0].value != 8 ||
        operations[1].reg != CFI_REGISTER_RA || operations[1].value != 0 ||
        operations[2].value != 15 || operations[4].value < 1 || operations[4].value > 15 ||
        operations[6].value != 3)
        return false;
    rule->cfa = UNWIND_CFA_PLT;
    rule->reg = (uint8_t)operations[4].value;
    return true;
}

/* reg + a, optionally dereferenced, optionally with a constant added then. */
static bool
match_deref(const Operation *operations, size_t n, struct unwind_rule *rule)
{
    if (n < 1 || operations[0].code != DW_OP_bregx || !fits_int32(operations[0].value))
        return false;
    uint32_t reg = operations[0].reg;
    rule->cfa_offset = (int32_t)operations[0].value;
    if (n == 1) {
        rule->cfa = reg == CFI_REGISTER_SP   ? UNWIND_CFA_SP
                    : reg == CFI_REGISTER_FP ? UNWIND_CFA_FP
                                             : UNWIND_CFA_REG;
        rule->reg = rule->cfa == UNWIND_CFA_REG ? (uint8_t)reg : 0;
        return reg < CFI_REGISTER_RA;
    }
    if (operations[1].code != DW_OP_deref || (reg != CFI_REGISTER_SP && reg != CFI_REGISTER_FP))
        return false;
    rule->cfa = reg == CFI_REGISTER_SP ? UNWIND_CFA_SP_DEREF : UNWIND_CFA_FP_DEREF;
    int64_t addend = 0;
    if (n == 3 && operations[2].code == DW_OP_plus_uconst)
        addend = operations[2].value;
    else if (n == 4 && operations[2].code == DW_OP_constu && operations[3].code == DW_OP_plus)
        addend = operations[2].value;
    else if (n != 2)
        return false;
    if (!fits_int32(addend))
        return false;
    rule->cfa_addend = (int32_t)addend;
    return true;
}

static bool
set_cfa(const CfiRegister *cfa, struct unwind_rule *rule)
{
    if (cfa->kind == CFI_EXPRESSION) {
        Operation operations[OPERATIONS_MAX];
        size_t n = read_expression(cfa, operations);
        return match_plt(operations, n, rule) || match_deref(operations, n, rule);
    }
    if (!fits_int32(cfa->offset) || cfa->reg >= CFI_REGISTER_RA)
        return false;
    rule->cfa_offset = (int32_t)cfa->offset;
    if (cfa->reg == CFI_REGISTER_SP) {
        rule->cfa = UNWIND_CFA_SP;
    } else if (cfa->reg == CFI_REGISTER_FP) {
        rule->cfa = UNWIND_CFA_FP;
    } else {
        rule->cfa = UNWIND_CFA_REG;
        rule->reg = (uint8_t)cfa->reg;
    }
    return true;
}

/* Saved at reg + offset: the same as CFA + something when the CFA is a sum with that register. */
static bool
set_fp_expression(const CfiRegister *fp, struct unwind_rule *rule)
{
    Operation operations[OPERATIONS_MAX];
    if (read_expression(fp, operations) != 1 || operations[0].code != DW_OP_bregx ||
        !fits_int32(operations[0].value))
        return false;
    int64_t offset = operations[0].value;
    uint32_t reg = operations[0].reg;
    if ((reg == CFI_REGISTER_SP && rule->cfa == UNWIND_CFA_SP) ||
        (reg == CFI_REGISTER_FP && rule->cfa == UNWIND_CFA_FP)) {
        rule->fp = UNWIND_FP_CFA;
        offset -= rule->cfa_offset;
    } else if (reg == CFI_REGISTER_FP) {
        rule->fp = UNWIND_FP_FP;
    } else {
        return false;
    }
    if (!fits_int16(offset))
        return false;
    rule->fp_offset = (int16_t)offset;
    return true;
}

static bool
set_fp(const CfiRegister *fp, struct unwind_rule *rule)
{
    switch (fp->kind) {
    case CFI_SAME:
        rule->fp = UNWIND_FP_SAME;
        return true;
    case CFI_UNDEFINED:
        rule->fp = UNWIND_FP_UNDEFINED;
        return true;
    case CFI_OFFSET:
        rule->fp = UNWIND_FP_CFA;
        rule->fp_offset = (int16_t)fp->offset;
        return fits_int16(fp->offset);
    case CFI_EXPRESSION:
        return set_fp_expression(fp, rule);
    default:
        return false;
    }
}

void
cfi_state_to_rule(const CfiState *state, bool is_signal_frame, struct unwind_rule *ret_rule)
{
    struct unwind_rule rule = {0};
    if (is_signal_frame) {
        *ret_rule = (struct unwind_rule){.cfa = UNWIND_CFA_SIGNAL};
        return;
    }
    if (state->ra.kind == CFI_UNDEFINED) {
        *ret_rule = (struct unwind_rule){.cfa = UNWIND_CFA_STOP};
        return;
    }
    if (state->cfa.kind != CFI_OFFSET && state->cfa.kind != CFI_EXPRESSION) {
        *ret_rule = rule;
        return;
    }
    bool is_simple = state->ra.kind == CFI_OFFSET && fits_int16(state->ra.offset) &&
                     set_cfa(&state->cfa, &rule) && set_fp(&state->fp, &rule);
    rule.ra_offset = (int16_t)state->ra.offset;
    *ret_rule = is_simple ? rule : (struct unwind_rule){.cfa = UNWIND_CFA_COMPLEX};
}
