#include "agent/unwind/cfi_program.h"

#include <dwarf.h>
#include <string.h>

#include "agent/unwind/cfi_cursor.h"

/* Compilers nest these one or two deep. */
#define REMEMBER_MAX 16

/* 0x1d in DWARF's vendor range; 0x2d is shared by GNU_window_save and AArch64's
 * negate_ra_state, and means nothing on x86-64. */
#define CFA_MIPS_ADVANCE_LOC8 0x1d
#define CFA_WINDOW_SAVE       0x2d

typedef struct {
    const CfiCommon *common;
    CfiState state;
    CfiState remembered[REMEMBER_MAX];
    size_t n_remembered;
    uint64_t address; /* of the next row */
    uint64_t end;
    bool is_changed; /* since the last row was handed out */
    bool has_row, is_stopped;
    struct unwind_rule rule; /* of the last row */
    UnwindRowFunc on_row;
    void *data;
} Machine;

static void
emit_row(Machine *machine, const struct unwind_rule *rule)
{
    if (machine->has_row && memcmp(rule, &machine->rule, sizeof(*rule)) == 0)
        return;
    machine->rule = *rule;
    machine->has_row = true;
    if (machine->on_row != NULL && !machine->on_row(machine->data, machine->address, rule))
        machine->is_stopped = true;
}

static void
end_row(Machine *machine)
{
    if (!machine->is_changed)
        return;
    struct unwind_rule rule;
    cfi_state_to_rule(&machine->state, machine->common->is_signal_frame, &rule);
    emit_row(machine, &rule);
    machine->is_changed = false;
}

/* False when the row cannot move there: addresses only rise. */
static bool
advance_to(Machine *machine, uint64_t address)
{
    if (address < machine->address)
        return false;
    if (address == machine->address)
        return true;
    end_row(machine);
    machine->address = address;
    if (address >= machine->end)
        machine->is_stopped = true; /* what follows lies behind the function */
    return true;
}

static bool
advance(Machine *machine, uint64_t delta)
{
    uint64_t address;
    return !__builtin_mul_overflow(delta, machine->common->code_factor, &address) &&
           !__builtin_add_overflow(address, machine->address, &address) &&
           advance_to(machine, address);
}

/* The tracked register of that number, or NULL. */
static CfiRegister *
find_register(Machine *machine, uint64_t number)
{
    if (number == CFI_REGISTER_FP)
        return &machine->state.fp;
    return number == machine->common->return_register ? &machine->state.ra : NULL;
}

static void
set_register(Machine *machine, uint64_t number, CfiRegister value)
{
    CfiRegister *target = find_register(machine, number);
    if (target == NULL)
        return;
    *target = value;
    machine->is_changed = true;
}

static int64_t
scale(const Machine *machine, int64_t factored)
{
    return (int64_t)((uint64_t)factored * (uint64_t)machine->common->data_factor);
}

static void
set_offset(Machine *machine, CfiKind kind, uint64_t number, int64_t factored)
{
    set_register(machine, number, (CfiRegister){.kind = kind, .offset = scale(machine, factored)});
}

static void
restore(Machine *machine, uint64_t number)
{
    const CfiState *initial = &machine->common->initial;
    if (number == CFI_REGISTER_FP)
        set_register(machine, number, initial->fp);
    else if (number == machine->common->return_register)
        set_register(machine, number, initial->ra);
}

static void
set_cfa(Machine *machine, uint64_t number, int64_t offset)
{
    machine->state.cfa = (CfiRegister){
        .kind = CFI_OFFSET, .reg = (uint32_t)MIN(number, UINT8_MAX), .offset = offset};
    machine->is_changed = true;
}

/* These two change one half of a CFA that must be a sum already. */
static bool
set_cfa_offset(Machine *machine, int64_t offset)
{
    machine->state.cfa.offset = offset;
    machine->is_changed = true;
    return machine->state.cfa.kind == CFI_OFFSET;
}

static bool
set_cfa_register(Machine *machine, uint64_t number)
{
    machine->state.cfa.reg = (uint32_t)MIN(number, UINT8_MAX);
    machine->is_changed = true;
    return machine->state.cfa.kind == CFI_OFFSET;
}

static CfiRegister
read_expression(CfiCursor *cursor, CfiKind kind)
{
    uint64_t size = cfi_cursor_uleb(cursor);
    CfiRegister rule = {.kind = kind, .expression = cfi_cursor_take(cursor, size)};
    rule.expression_size = rule.expression != NULL ? size : 0;
    return rule;
}

static bool
remember(Machine *machine)
{
    if (machine->n_remembered == REMEMBER_MAX)
        return false;
    machine->remembered[machine->n_remembered++] = machine->state;
    return true;
}

static bool
recall(Machine *machine)
{
    if (machine->n_remembered == 0)
        return false;
    machine->state = machine->remembered[--machine->n_remembered];
    machine->is_changed = true;
    return true;
}

/* The operations on registers. */
static bool
run_register_operation(Machine *machine, uint8_t code, CfiCursor *cursor)
{
    uint64_t number = cfi_cursor_uleb(cursor);
    switch (code) {
    case DW_CFA_offset_extended:
        set_offset(machine, CFI_OFFSET, number, (int64_t)cfi_cursor_uleb(cursor));
        return true;
    case DW_CFA_offset_extended_sf:
        set_offset(machine, CFI_OFFSET, number, cfi_cursor_sleb(cursor));
        return true;
    case DW_CFA_GNU_negative_offset_extended:
        set_offset(machine, CFI_OFFSET, number, (int64_t)(0 - cfi_cursor_uleb(cursor)));
        return true;
    case DW_CFA_val_offset:
        set_offset(machine, CFI_VALUE_OFFSET, number, (int64_t)cfi_cursor_uleb(cursor));
        return true;
    case DW_CFA_val_offset_sf:
        set_offset(machine, CFI_VALUE_OFFSET, number, cfi_cursor_sleb(cursor));
        return true;
    case DW_CFA_restore_extended:
        restore(machine, number);
        return true;
    case DW_CFA_undefined:
        set_register(machine, number, (CfiRegister){.kind = CFI_UNDEFINED});
        return true;
    case DW_CFA_same_value:
        set_register(machine, number, (CfiRegister){.kind = CFI_SAME});
        return true;
    case DW_CFA_register: {
        uint64_t other = cfi_cursor_uleb(cursor);
        set_register(machine, number,
                     (CfiRegister){.kind = CFI_REGISTER, .reg = (uint32_t)MIN(other, UINT8_MAX)});
        return true;
    }
    case DW_CFA_expression:
        set_register(machine, number, read_expression(cursor, CFI_EXPRESSION));
        return true;
    case DW_CFA_val_expression:
        set_register(machine, number, read_expression(cursor, CFI_VALUE_EXPRESSION));
        return true;
    default:
        return false;
    }
}

/* The operations on the CFA. */
static bool
run_cfa_operation(Machine *machine, uint8_t code, CfiCursor *cursor)
{
    uint64_t number;
    switch (code) {
    case DW_CFA_def_cfa:
        number = cfi_cursor_uleb(cursor);
        set_cfa(machine, number, (int64_t)cfi_cursor_uleb(cursor));
        return true;
    case DW_CFA_def_cfa_sf:
        number = cfi_cursor_uleb(cursor);
        set_cfa(machine, number, scale(machine, cfi_cursor_sleb(cursor)));
        return true;
    case DW_CFA_def_cfa_register:
        return set_cfa_register(machine, cfi_cursor_uleb(cursor));
    case DW_CFA_def_cfa_offset:
        return set_cfa_offset(machine, (int64_t)cfi_cursor_uleb(cursor));
    case DW_CFA_def_cfa_offset_sf:
        return set_cfa_offset(machine, scale(machine, cfi_cursor_sleb(cursor)));
    case DW_CFA_def_cfa_expression:
        machine->state.cfa = read_expression(cursor, CFI_EXPRESSION);
        machine->is_changed = true;
        return true;
    default:
        return run_register_operation(machine, code, cursor);
    }
}

static bool
run_operation(Machine *machine, uint8_t code, CfiCursor *cursor)
{
    switch (code) {
    case DW_CFA_nop:
    case CFA_WINDOW_SAVE:
        return true;
    case DW_CFA_advance_loc1:
        return advance(machine, cfi_cursor_u8(cursor));
    case DW_CFA_advance_loc2:
        return advance(machine, cfi_cursor_u16(cursor));
    case DW_CFA_advance_loc4:
        return advance(machine, cfi_cursor_u32(cursor));
    case CFA_MIPS_ADVANCE_LOC8:
        return advance(machine, cfi_cursor_u64(cursor));
    case DW_CFA_set_loc:
        /* Written by no compiler for x86-64; only the plain encoding is understood. */
        if (machine->common->pointer_encoding != DW_EH_PE_absptr)
            return false;
        return advance_to(machine, cfi_cursor_fixed(cursor, machine->common->address_size));
    case DW_CFA_remember_state:
        return remember(machine);
    case DW_CFA_restore_state:
        return recall(machine);
    case DW_CFA_GNU_args_size:
        cfi_cursor_uleb(cursor);
        return true;
    default:
        return run_cfa_operation(machine, code, cursor);
    }
}

static bool
run(Machine *machine, const uint8_t *program, size_t size)
{
    CfiCursor cursor = cfi_cursor_new(program, size);
    while (cursor.at < cursor.end && !machine->is_stopped) {
        uint8_t code = *cursor.at++;
        uint8_t operand = code & 0x3f;
        bool is_good = true;
        switch (code & 0xc0) {
        case DW_CFA_advance_loc:
            is_good = advance(machine, operand);
            break;
        case DW_CFA_offset:
            set_offset(machine, CFI_OFFSET, operand, (int64_t)cfi_cursor_uleb(&cursor));
            break;
        case DW_CFA_restore:
            restore(machine, operand);
            break;
        default:
            is_good = run_operation(machine, code, &cursor);
        }
        if (!is_good || cursor.is_bad)
            return false;
    }
    return true;
}

bool
cfi_program_run_initial(const CfiCommon *common, CfiState *state)
{
    Machine machine = {.common = common, .end = UINT64_MAX};
    if (!run(&machine, common->program, common->program_size) || machine.address != 0)
        return false;
    *state = machine.state;
    return true;
}

bool
cfi_entry_rows(const CfiEntry *entry, UnwindRowFunc on_row, void *data)
{
    Machine machine;
    machine.common = entry->common;
    machine.state = entry->common->initial;
    machine.n_remembered = 0;
    machine.address = entry->start;
    machine.end = entry->end;
    machine.is_changed = true;
    machine.has_row = false;
    machine.is_stopped = entry->start >= entry->end;
    machine.on_row = on_row;
    machine.data = data;
    bool is_good = run(&machine, entry->program, entry->program_size);
    if (machine.is_stopped)
        return is_good;
    if (is_good)
        end_row(&machine);
    else
        emit_row(&machine, &(struct unwind_rule){.cfa = UNWIND_CFA_NONE});
    return is_good;
}
