/* Compares the unwind table of real executables, row by row, with what libdw says about the same
 * address: both are evaluated on made-up registers and memory and must give the same CFA, the same
 * rbp and the same return address. CRESSET_LONG=1 visits every ELF file of the machine instead of
 * a sample. */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/unwind/table.h"

typedef struct {
    size_t n_files, n_rows, n_complex, n_signal, n_stop, n_mismatches;
    size_t n_complex_simple; /* COMPLEX although libdw's answer is a plain sum: must not happen */
} Totals;

typedef enum { VALUE_KNOWN, VALUE_UNDEFINED, VALUE_UNSUPPORTED } ValueKind;

typedef struct {
    ValueKind kind;
    uint64_t value;
} Value;

static uint64_t
scramble(uint64_t value)
{
    value = (value ^ (value >> 31)) * 0x9e3779b97f4a7c15;
    return value ^ (value >> 29);
}

static uint64_t
fake_register(uint64_t number, uint64_t pc)
{
    return number == 16 ? pc : scramble(number + 1) & ~UINT64_C(7);
}

static uint64_t
fake_memory(uint64_t address)
{
    return scramble(address + 12345);
}

/* One operation of libdw's form; false when it is not one of those that CFI uses. */
static bool
run_operation(const Dwarf_Op *op, uint64_t pc, uint64_t cfa, uint64_t *stack, size_t *n)
{
    uint8_t atom = op->atom;
    if (atom >= DW_OP_breg0 && atom <= DW_OP_breg31) {
        stack[(*n)++] = fake_register(atom - DW_OP_breg0, pc) + op->number;
    } else if (atom == DW_OP_bregx) {
        stack[(*n)++] = fake_register(op->number, pc) + op->number2;
    } else if (atom >= DW_OP_lit0 && atom <= DW_OP_lit31) {
        stack[(*n)++] = (uint64_t)(atom - DW_OP_lit0);
    } else if (atom == DW_OP_const1u || atom == DW_OP_const1s || atom == DW_OP_const2u ||
               atom == DW_OP_constu || atom == DW_OP_consts) {
        stack[(*n)++] = op->number;
    } else if (atom == DW_OP_call_frame_cfa) {
        stack[(*n)++] = cfa;
    } else if (atom == DW_OP_plus_uconst) {
        stack[*n - 1] += op->number;
    } else if (atom == DW_OP_deref) {
        stack[*n - 1] = fake_memory(stack[*n - 1]);
    } else if (*n >= 2 && (atom == DW_OP_plus || atom == DW_OP_and || atom == DW_OP_ge ||
                           atom == DW_OP_shl || atom == DW_OP_mul || atom == DW_OP_minus)) {
        uint64_t right = stack[--*n], left = stack[*n - 1];
        stack[*n - 1] = atom == DW_OP_plus    ? left + right
                        : atom == DW_OP_minus ? left - right
                        : atom == DW_OP_mul   ? left * right
                        : atom == DW_OP_and   ? (left & right)
                        : atom == DW_OP_ge    ? (int64_t)left >= (int64_t)right
                                              : left << (right & 63);
    } else {
        return false;
    }
    return true;
}

/* The value on top of the stack after the expression; *ret_is_value when it is the thing itself
 * and not where it lies. */
static Value
run_expression(const Dwarf_Op *ops, size_t n_ops, uint64_t pc, uint64_t cfa, bool *ret_is_value)
{
    uint64_t stack[32] = {0};
    size_t n = 0;
    *ret_is_value = false;
    for (size_t i = 0; i < n_ops && n < 30; i++) {
        if (ops[i].atom == DW_OP_stack_value && i == n_ops - 1) {
            *ret_is_value = true;
            break;
        }
        if (ops[i].atom == DW_OP_regx ||
            (ops[i].atom >= DW_OP_reg0 && ops[i].atom <= DW_OP_reg31)) {
            uint64_t number =
                ops[i].atom == DW_OP_regx ? ops[i].number : (uint64_t)(ops[i].atom - DW_OP_reg0);
            *ret_is_value = true;
            return (Value){VALUE_KNOWN, fake_register(number, pc)};
        }
        if (!run_operation(&ops[i], pc, cfa, stack, &n))
            return (Value){.kind = VALUE_UNSUPPORTED};
    }
    return n > 0 ? (Value){VALUE_KNOWN, stack[n - 1]} : (Value){.kind = VALUE_UNSUPPORTED};
}

static Value
libdw_register(Dwarf_Frame *frame, int number, uint64_t pc, uint64_t cfa)
{
    Dwarf_Op memory[3], *ops;
    size_t n_ops;
    if (dwarf_frame_register(frame, number, memory, &ops, &n_ops) != 0)
        return (Value){.kind = VALUE_UNSUPPORTED};
    if (n_ops == 0 && ops == NULL)
        return (Value){VALUE_KNOWN, fake_register((uint64_t)number, pc)};
    if (n_ops == 0)
        return (Value){.kind = VALUE_UNDEFINED};
    bool is_value;
    Value value = run_expression(ops, n_ops, pc, cfa, &is_value);
    if (value.kind == VALUE_KNOWN && !is_value)
        value.value = fake_memory(value.value);
    return value;
}

static bool
rule_cfa(const struct unwind_rule *rule, uint64_t pc, uint64_t *ret)
{
    uint64_t sp = fake_register(7, pc), fp = fake_register(6, pc);
    uint64_t offset = (uint64_t)(int64_t)rule->cfa_offset,
             addend = (uint64_t)(int64_t)rule->cfa_addend;
    switch (rule->cfa) {
    case UNWIND_CFA_SP:
        *ret = sp + offset;
        return true;
    case UNWIND_CFA_FP:
        *ret = fp + offset;
        return true;
    case UNWIND_CFA_REG:
        *ret = fake_register(rule->reg, pc) + offset;
        return true;
    case UNWIND_CFA_SP_DEREF:
        *ret = fake_memory(sp + offset) + addend;
        return true;
    case UNWIND_CFA_FP_DEREF:
        *ret = fake_memory(fp + offset) + addend;
        return true;
    case UNWIND_CFA_PLT:
        *ret = sp + 8 + ((pc & 15) >= rule->reg ? 8 : 0);
        return true;
    default:
        return false;
    }
}

static bool
is_equal(Value value, ValueKind kind, uint64_t expected)
{
    return value.kind == kind && (kind != VALUE_KNOWN || value.value == expected);
}

static bool
is_same_rule(Dwarf_Frame *frame, const struct unwind_rule *rule, uint64_t pc, Totals *totals)
{
    Dwarf_Op *ops;
    size_t n_ops;
    bool is_value, is_signal;
    Dwarf_Addr start, end;
    dwarf_frame_info(frame, &start, &end, &is_signal);
    if (rule->cfa == UNWIND_CFA_SIGNAL || is_signal) {
        totals->n_signal++;
        return rule->cfa == UNWIND_CFA_SIGNAL && is_signal;
    }
    if (rule->cfa == UNWIND_CFA_STOP) {
        totals->n_stop++;
        return is_equal(libdw_register(frame, 16, pc, 0), VALUE_UNDEFINED, 0);
    }
    if (dwarf_frame_cfa(frame, &ops, &n_ops) != 0)
        return rule->cfa == UNWIND_CFA_COMPLEX || rule->cfa == UNWIND_CFA_NONE;
    if (rule->cfa == UNWIND_CFA_COMPLEX) {
        totals->n_complex++;
        Dwarf_Op memory[3], *fp_ops, *ra_ops;
        size_t n_fp, n_ra;
        dwarf_frame_register(frame, 6, memory, &fp_ops, &n_fp);
        bool is_simple_fp = n_fp == 0 || (n_fp <= 2 && fp_ops[0].atom == DW_OP_call_frame_cfa &&
                                          fp_ops[n_fp - 1].atom != DW_OP_stack_value);
        dwarf_frame_register(frame, 16, memory, &ra_ops, &n_ra);
        bool is_simple_ra = n_ra >= 1 && n_ra <= 2 && ra_ops[0].atom == DW_OP_call_frame_cfa;
        if (n_ops == 1 && is_simple_fp && is_simple_ra)
            totals->n_complex_simple++;
        return true;
    }
    Value cfa = run_expression(ops, n_ops, pc, 0, &is_value);
    uint64_t own_cfa = 0;
    if (!rule_cfa(rule, pc, &own_cfa) || !is_equal(cfa, VALUE_KNOWN, own_cfa))
        return false;
    uint64_t ra = fake_memory(own_cfa + (uint64_t)(int64_t)rule->ra_offset);
    if (!is_equal(libdw_register(frame, 16, pc, own_cfa), VALUE_KNOWN, ra))
        return false;
    uint64_t fp_offset = (uint64_t)(int64_t)rule->fp_offset;
    uint64_t fp = rule->fp == UNWIND_FP_SAME  ? fake_register(6, pc)
                  : rule->fp == UNWIND_FP_CFA ? fake_memory(own_cfa + fp_offset)
                                              : fake_memory(fake_register(6, pc) + fp_offset);
    ValueKind kind = rule->fp == UNWIND_FP_UNDEFINED ? VALUE_UNDEFINED : VALUE_KNOWN;
    return is_equal(libdw_register(frame, 6, pc, own_cfa), kind, fp);
}

/* Compares every row that libdw has in [start, end); returns false when it knows nothing there. */
static void
compare_function(Dwarf_CFI *cfi, const UnwindTable *table, const struct unwind_rule *rules,
                 uint64_t start, uint64_t end, const char *path, Totals *totals)
{
    for (uint64_t pc = start; pc < end;) {
        Dwarf_Frame *frame;
        if (dwarf_cfi_addrframe(cfi, pc, &frame) != 0)
            return;
        Dwarf_Addr row_start, row_end;
        bool is_signal;
        dwarf_frame_info(frame, &row_start, &row_end, &is_signal);
        uint64_t last = MIN(row_end, end) - 1;
        const uint64_t places[] = {pc, pc + (last - pc) / 2, last};
        for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
            const struct unwind_rule *rule = &rules[unwind_table_find(table, places[i])];
            if (is_same_rule(frame, rule, places[i], totals))
                continue;
            totals->n_mismatches++;
            if (totals->n_mismatches <= 20)
                print_message("%s: 0x%" G_GINT64_MODIFIER "x: cfa %u %d fp %u %d differs\n", path,
                              places[i], rule->cfa, rule->cfa_offset, rule->fp, rule->fp_offset);
        }
        totals->n_rows++;
        free(frame);
        if (row_end <= pc)
            return;
        pc = row_end;
    }
}

static void
compare_entries(Elf *elf, Dwarf_CFI *cfi, const ElfFile *file, const UnwindTable *table,
                const struct unwind_rule *rules, const char *path, Totals *totals)
{
    const ElfSection *section = elf_file_find_section(file, ".eh_frame");
    if (section == NULL || section->type == SHT_NOBITS)
        return;
    Elf_Data *data =
        elf_rawdata(elf_getscn(elf, (size_t)(section - elf_file_section(file, 0))), NULL);
    const unsigned char *ident = (const unsigned char *)elf_getident(elf, NULL);
    Dwarf_CFI_Entry entry;
    Dwarf_Off next;
    for (Dwarf_Off offset = 0; data != NULL && offset < data->d_size; offset = next) {
        int status = dwarf_next_cfi(ident, data, true, offset, &next, &entry);
        if (status > 0)
            next = offset + 4; /* an empty entry in the middle */
        if (status < 0 || next <= offset)
            return;
        if (status != 0 || entry.CIE_id == DW_CIE_ID_64 || entry.fde.start == NULL ||
            entry.fde.end - entry.fde.start < 8)
            continue;
        /* gcc, clang and Go linkers write pcrel|sdata4 throughout; others are found by our reader.
         */
        int32_t relative, size;
        memcpy(&relative, entry.fde.start, 4);
        memcpy(&size, entry.fde.start + 4, 4);
        uint64_t at = section->address + (uint64_t)(entry.fde.start - (const uint8_t *)data->d_buf);
        uint64_t start = at + (uint64_t)(int64_t)relative;
        if (elf_file_is_executable(file, start) && size > 0)
            compare_function(cfi, table, rules, start, start + (uint32_t)size, path, totals);
    }
}

static bool
compare_file(const char *path, Totals *totals)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    size_t before = totals->n_rows;
    g_autoptr(ElfFile) file = elf_file_open(fd, NULL);
    bool is_wanted = file != NULL && elf_file_machine(file) == EM_X86_64 &&
                     (elf_file_type(file) == ET_EXEC || elf_file_type(file) == ET_DYN);
    if (is_wanted) {
        g_autoptr(UnwindRules) rules = unwind_rules_new();
        g_autoptr(GError) error = NULL;
        g_autoptr(UnwindTable) table = unwind_table_new(file, rules, NULL, &error);
        if (table == NULL)
            print_message("%s: %s\n", path, error->message);
        Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
        Dwarf_CFI *cfi = dwarf_getcfi_elf(elf);
        if (cfi != NULL && table != NULL)
            compare_entries(elf, cfi, file, table, unwind_rules_data(rules), path, totals);
        dwarf_cfi_end(cfi);
        elf_end(elf);
        totals->n_files += totals->n_rows > before;
    }
    close(fd);
    return totals->n_rows > before;
}

static void
report(const char *what, const Totals *totals)
{
    print_message("%s: %zu files, %zu rows compared with libdw at 3 places each: %zu mismatches; "
                  "%zu complex, %zu signal, %zu stop\n",
                  what, totals->n_files, totals->n_rows, totals->n_mismatches, totals->n_complex,
                  totals->n_signal, totals->n_stop);
    assert_int_equal(totals->n_mismatches, 0);
    assert_int_equal(totals->n_complex_simple, 0);
}

static void
test_known_libraries(void **state)
{
    (void)state;
    static const char *const PATHS[] = {
        "/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2",
        "/usr/lib/x86_64-linux-gnu/libstdc++.so.6", "/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
        "/usr/lib/x86_64-linux-gnu/libLLVM-14.so.1"};
    for (size_t i = 0; i < G_N_ELEMENTS(PATHS); i++) {
        Totals totals = {0};
        if (!compare_file(PATHS[i], &totals))
            print_message("%s: not here, or without .eh_frame\n", PATHS[i]);
        report(PATHS[i], &totals);
        assert_true(i != 0 || totals.n_rows > 10000);
    }
}

static void
test_machine(void **state)
{
    (void)state;
    bool is_long = g_strcmp0(g_getenv("CRESSET_LONG"), "1") == 0;
    glob_t found = {0};
    glob("/usr/bin/*", 0, NULL, &found);
    if (is_long) {
        glob("/usr/sbin/*", GLOB_APPEND, NULL, &found);
        glob("/usr/lib/*/*.so*", GLOB_APPEND, NULL, &found);
        glob("/usr/lib/*/*/*.so*", GLOB_APPEND, NULL, &found);
        glob("/usr/lib/*/*", GLOB_APPEND, NULL, &found);
        glob("/usr/lib/*/bin/*", GLOB_APPEND, NULL, &found);
    }
    Totals totals = {0};
    /* A tenth of the files, and at most 300,000 rows, is a few seconds. */
    for (size_t i = 0; i < found.gl_pathc && (is_long || totals.n_rows < 300000);
         i += is_long ? 1 : 10)
        compare_file(found.gl_pathv[i], &totals);
    globfree(&found);
    report(is_long ? "every file" : "a tenth of /usr/bin", &totals);
    assert_true(totals.n_rows > 0);
}

int
main(void)
{
    elf_version(EV_CURRENT);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_known_libraries),
                                       cmocka_unit_test(test_machine)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
